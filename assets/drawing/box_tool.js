// Boxes: press, drag, release; or two clicks.

import {boxRing} from "./geometry.js";
import {NOTHING} from "./scene.js";

const SMALLEST = 4;   // pixels a side

const degrees = (value) => `${Number(value.toPrecision(3))}°`;

export class BoxTool {
  constructor(drawing) {
    this.drawing = drawing;
    this.cancel();
  }

  get busy() { return this.from !== null; }

  cancel() { this.from = null; this.at = null; }

  /** The first corner's drag draws; once it was clicked, a drag pans on the way to the second. */
  grip(p) {
    if (this.busy) return null;
    return {
      cursor: "crosshair",
      drag: (to) => { this.from = p.corner; this.at = to.corner; },
      drop: () => { if (!this.close()) this.cancel(); },
      cancel: () => this.cancel(),
    };
  }

  click(p) {
    if (!this.busy) this.from = this.at = p.corner;
    else { this.at = p.corner; this.close(); }
  }

  hover(p) { if (this.busy) this.at = p.corner; }

  menu() { return true; }

  key(event) {
    if (!this.busy || !["Escape", "Backspace"].includes(event.key)) return false;
    this.cancel();
    return true;
  }

  /** Commit what is large enough to be meant. */
  close() {
    const {from, at, drawing} = this;
    const [[x1, y1], [x2, y2]] = [drawing.project(from), drawing.project(at)];
    if (Math.min(Math.abs(x1 - x2), Math.abs(y1 - y2)) < SMALLEST) return false;
    this.cancel();
    drawing.commitNew("box", [[boxRing(from, at)]]);
    return true;
  }

  sketch() {
    if (!this.busy) return NOTHING;
    return {
      ring: boxRing(this.from, this.at),
      isClosed: true,
      handles: [this.from, this.at].map((corner) => ({corner, active: false})),
      crossing: false,
    };
  }

  cursor() { return "crosshair"; }

  hint() {
    if (!this.busy) return "Drag a box, or click two opposite corners";
    const size = `${degrees(Math.abs(this.at[0] - this.from[0]))} × ${degrees(Math.abs(this.at[1] - this.from[1]))}`;
    return `${size} · release or click at the opposite corner · Esc cancels`;
  }
}
