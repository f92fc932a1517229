// One figure's view with a drawing on it: takes the mouse, holds what is selected, and puts tools, set and scene
// together. It lives as long as the view.

import {crossesItself, isInside, moved, rounded} from "./geometry.js";
import {BoxTool} from "./box_tool.js";
import {EditTool} from "./edit_tool.js";
import {dragged, handleAt, handlesOf, isSameHandle} from "./handles.js";
import {PolygonTool} from "./polygon_tool.js";
import {NOTHING, Scene} from "./scene.js";
import {Store, geometryOf} from "./store.js";
import {listenToKeys} from "./keyboard.js";

const TOOLS = {polygon: PolygonTool, box: BoxTool, edit: EditTool};   // a new tool is one more entry
const STILL = 4;       // pixels that a click may move
const FINGER = 2;      // a finger is this much fatter than a mouse
const handedOn = new WeakSet();   // presses that go to Bokeh, because they became a pan

export class Drawing {
  constructor(view, {accepted, told, said, options}) {
    this.view = view;
    this.options = options;
    this.events = view.canvas_view.events_el;
    this.store = new Store({accepted, told, said});
    this.scene = new Scene(view);
    this.mode = null;
    this.selected = "";
    this.forget();
    this.adopt();
    const end = new AbortController(), {signal} = end;
    for (const [name, act] of Object.entries({
      pointerdown: this.onDown, pointermove: this.onMove, pointerup: this.onUp, pointercancel: this.onCancel,
      pointerleave: this.onLeave, contextmenu: this.onMenu,
    })) this.events.addEventListener(name, act.bind(this), {capture: true, signal});
    listenToKeys(this, {keys: options.keys, signal});
    view.removed.connect(() => { end.abort(); this.scene.remove(); });
    view.repainted.connect(() => this.draw());       // pan, zoom, resize, theme
    const refresh = () => { this.store.refresh(); this.draw(); };
    for (const signal of [accepted.properties.data.change, accepted.streaming, accepted.patching]) view.connect(signal, refresh);
    view.connect(told.properties.data.change, () => { this.store.refresh(); this.adopt(); });
  }

  // --- state ---------------------------------------------------------------------------------------------------

  get isShown() { return this.events.isConnected && this.events.getClientRects().length > 0; }
  get isDragging() { return Boolean(this.press?.isDrag); }
  get selectedShape() { return this.store.find(this.selected); }

  forget() { this.press = null; this.preview = null; this.hovered = null; this.over = null; }

  /** Take tool and selection as Python told them, unless a person chose otherwise since. */
  adopt() {
    if (this.store.isHeard) {
      this.take(this.store.tell("mode"));
      this.selected = this.store.tell("selected");
    }
    this.draw();
  }

  take(mode) {
    if (mode === this.mode) return;
    this.forget();
    this.mode = mode;
    this.tool = mode in TOOLS ? new TOOLS[mode](this) : null;
    this.last = null;
  }

  turnTo(mode) {
    if (mode === this.mode) return;
    this.take(mode);
    this.finish();
  }

  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.finish();
  }

  commitNew(kind, rings) { this.selected = this.store.add(kind, rings); this.finish(); }
  commitChange(id, kind, rings) { this.store.change(id, kind, rings); this.finish(); }

  removeSelected() {
    if (!this.selectedShape) return false;
    this.store.remove(this.selected);
    this.selected = "";
    this.finish();
    return true;
  }

  /** End a gesture: the one place where a message is sent. */
  finish() {
    this.hovered = null;
    this.store.say(this.mode, this.selected);
    this.draw();
  }

  // --- places ---------------------------------------------------------------------------------------------------

  project(corner) { return this.scene.project(corner); }

  /** What an event points at: on the screen, and in degrees as precise as the mouse and within bounds. */
  pointOf(event) {
    const {left, top} = this.events.getBoundingClientRect(), {frame} = this.view;
    const screen = [event.clientX - left, event.clientY - top];
    const exact = [frame.x_scale.invert(screen[0]), frame.y_scale.invert(screen[1])];
    const pixel = Math.abs(frame.x_scale.invert(screen[0] + 1) - exact[0]);
    const [west, south, east, north] = this.options.bounds;
    const [x, y] = exact.map((value) => rounded(value, pixel));
    const corner = [Math.min(Math.max(x, west), east), Math.min(Math.max(y, south), north)];
    return {
      screen, corner, exact, pixel, time: event.timeStamp, alt: event.altKey, fat: event.pointerType === "touch" ? FINGER : 1,
      isInFrame: frame.bbox.contains(...screen),
    };
  }

  handleAt(p) { return this.handles ? handleAt(this.handles, p.screen, p.fat) : null; }
  isOnSelected({exact}) { return this.selectedShape ? isInside(this.selectedShape.geometry.rings, exact) : false; }

  shapeAt({exact: [x, y]}) {
    return this.store.shapes.find(({geometry: {box: [west, south, east, north], rings}}) =>
      x >= west && x <= east && y >= south && y <= north && isInside(rings, [x, y]));
  }

  // --- drags ----------------------------------------------------------------------------------------------------
  // A grip is what a drag from a place does: {drag(point), drop(), cancel(), cursor}.

  handleGrip(p) {
    const handle = this.handleAt(p), shape = this.selectedShape;
    return handle && shape ? this.previewGrip(shape, "move", (to) => dragged(shape, handle, to.corner)) : null;
  }

  moveGrip(p) {
    const shape = this.selectedShape, [west, south, east, north] = this.options.bounds, {box} = shape.geometry;
    const within = (value, low, high) => Math.min(Math.max(value, Math.min(low, 0)), Math.max(high, 0));
    return this.previewGrip(shape, "grabbing", (to) => {
      const dx = within(rounded(to.exact[0] - p.exact[0], to.pixel), west - box[0], east - box[2]);
      const dy = within(rounded(to.exact[1] - p.exact[1], to.pixel), south - box[1], north - box[3]);
      return {rings: moved(shape.geometry.rings, dx, dy), corner: null};
    });
  }

  /** Show a shape as it would become, and commit that at the drop. */
  previewGrip(shape, cursor, become) {
    const reset = () => { this.preview = null; };
    return {
      cursor,
      drag: (to) => {
        const {rings, corner} = become(to);
        const crossing = corner !== null && rings.flat().some((ring) => crossesItself(ring, corner));
        this.preview = {id: shape.id, geometry: geometryOf(rings), crossing};
      },
      drop: () => {
        const {geometry} = this.preview;
        reset();
        this.commitChange(shape.id, shape.kind, geometry.rings);
      },
      cancel: reset,
    };
  }

  /** Give up a drag, as Escape does. */
  cancelDrag() {
    this.press.grip.cancel();
    this.press = {over: true};     // the rest of the drag does nothing
    this.draw();
    return true;
  }

  // --- mouse ----------------------------------------------------------------------------------------------------

  onDown(event) {
    if (!this.tool || handedOn.has(event) || event.composedPath()[0] !== this.events) return;
    if (this.press && !event.isPrimary) return this.handOn();     // a second finger: a pinch, which is Bokeh's
    const p = this.pointOf(event);
    if (event.button !== 0 || !event.isPrimary || !p.isInFrame) return;
    event.stopImmediatePropagation();
    this.events.setPointerCapture(event.pointerId);     // its end must be heard, wherever the mouse is by then
    this.hover(p);
    this.press = {event, p, grip: p.alt ? null : this.tool.grip(p), isDrag: false};
  }

  onMove(event) {
    if (!this.tool || !event.isPrimary) return;
    const p = this.pointOf(event), {press} = this;
    if (press === null) return this.hover(p);
    if (press.over) return event.stopImmediatePropagation();
    const far = Math.hypot(p.screen[0] - press.p.screen[0], p.screen[1] - press.p.screen[1]) > STILL * p.fat;
    if (!press.isDrag && !far) return event.stopImmediatePropagation();
    if (!press.grip) return this.handOn();
    event.stopImmediatePropagation();
    press.isDrag = true;
    press.grip.drag(p);
    this.scene.point(press.grip.cursor);
    this.draw();
  }

  onUp(event) {
    const {press} = this;
    if (!press || !event.isPrimary) return;
    event.stopImmediatePropagation();
    this.press = null;
    if (press.isDrag) press.grip.drop();
    else if (!press.over) this.tool.click(press.p);
    this.hover(this.pointOf(event));
  }

  onCancel() {
    if (this.press?.isDrag) this.press.grip.cancel();
    this.press = null;
    this.draw();
  }

  onLeave() {
    if (this.press) return;
    this.hovered = this.over = null;
    this.draw();
  }

  onMenu(event) {
    if (!this.tool) return;
    const p = this.pointOf(event);
    this.hover(p);
    if (!p.isInFrame || !this.tool.menu(p)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.draw();
  }

  /** The press became a pan: let Bokeh have it from its beginning. */
  handOn() {
    const {event} = this.press;
    this.press = null;
    this.scene.point("grabbing");
    const again = new PointerEvent("pointerdown", event);
    handedOn.add(again);
    this.events.dispatchEvent(again);
  }

  hover(p) {
    const {tool} = this;
    this.hovered = tool.busy ? null : this.handleAt(p);
    this.over = this.mode === "edit" && !this.hovered ? this.shapeAt(p)?.id ?? null : null;
    tool.hover(p);
    this.scene.point(p.isInFrame ? tool.cursor(p) : null);
    this.draw();
  }

  // --- picture --------------------------------------------------------------------------------------------------

  draw() {
    const {scene, store, tool, selected, preview} = this;
    scene.place();
    scene.drawShapes(store.shapes, {selected, hovered: this.over, preview});
    if (!tool) scene.point(null);
    const sketch = tool?.sketch() ?? NOTHING;
    scene.drawSketch(sketch, store.tell("next_colour"));
    const shape = this.selectedShape, isEditing = this.mode === "edit" || this.mode === "polygon";
    const edited = shape && isEditing && !tool.busy;
    this.handles = edited ? handlesOf((preview ?? shape).geometry?.rings ?? shape.geometry.rings, (corner) => this.project(corner)) : [];
    const active = this.handles.map((handle) => ({...handle, active: isSameHandle(handle, this.hovered)}));
    const sketched = sketch.handles.map((handle) => ({...handle, kind: "corner", screen: this.project(handle.corner)}));
    scene.drawHandles(tool?.busy ? sketched : active, tool?.busy ? store.tell("next_colour") : shape?.colour ?? "");
    scene.say(tool?.hint(sketch) ?? "", sketch.crossing || Boolean(preview?.crossing));
  }
}
