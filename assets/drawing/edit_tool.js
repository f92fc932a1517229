// Selecting and editing: click a shape, drag its corners, the middles of its edges, or the whole of it.

import {withoutCorner} from "./handles.js";
import {NOTHING} from "./scene.js";

export class EditTool {
  constructor(drawing) {
    this.drawing = drawing;
  }

  get busy() { return false; }

  cancel() {}

  /** Only the selected shape can be moved: a drag from anywhere else pans, also over a map full of shapes. */
  grip(p) {
    const {drawing} = this;
    return drawing.handleGrip(p) ?? (drawing.isOnSelected(p) ? drawing.moveGrip(p) : null);
  }

  click(p) {
    const handle = this.drawing.handleAt(p);
    if (handle && p.alt) this.removeCorner(handle);
    else if (!handle) this.drawing.select(this.drawing.shapeAt(p)?.id ?? "");
  }

  hover() {}

  menu(p) {
    const handle = this.drawing.handleAt(p);
    this.removeCorner(handle);
    return handle !== null;
  }

  key(event) {
    const {drawing} = this;
    if (event.key === "Backspace" && drawing.hovered?.kind === "corner") this.removeCorner(drawing.hovered);
    else if (event.key === "Escape" && drawing.selected) drawing.select("");
    else return false;
    return true;
  }

  removeCorner(handle) {
    const {drawing} = this, shape = drawing.selectedShape;
    const rings = handle?.kind === "corner" && shape ? withoutCorner(shape, handle) : null;
    if (rings) drawing.commitChange(shape.id, shape.kind === "box" ? "polygon" : shape.kind, rings);
  }

  sketch() { return NOTHING; }

  cursor(p) {
    const {drawing} = this, handle = drawing.handleAt(p);
    if (handle) return handle.kind === "corner" ? "move" : "copy";
    if (drawing.isOnSelected(p)) return "grab";
    return drawing.shapeAt(p) ? "pointer" : "default";
  }

  hint() {
    const {drawing} = this, {hovered} = drawing;
    if (!drawing.selectedShape) return drawing.store.shapes.length ? "Click a region to select it" : "";
    if (hovered?.kind === "corner") return "Drag to move the corner · Backspace or right click removes it";
    if (hovered?.kind === "middle") return drawing.selectedShape.kind === "box" ? "Drag to move the edge" : "Drag to add a corner";
    return "Drag a corner, a dot between two, or the whole region · Delete removes it";
  }
}
