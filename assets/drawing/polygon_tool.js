// Polygons, corner by corner: a click adds one; the first corner, Enter, a double or a right click closes.

import {crossesItself} from "./geometry.js";

const CLOSES = 10, SAME_PLACE = 4;   // pixels
const DOUBLE_CLICK = 400;            // milliseconds

export class PolygonTool {
  constructor(drawing) {
    this.drawing = drawing;
    this.cancel();
  }

  get busy() { return this.ring.length > 0; }

  cancel() { this.ring = []; this.at = null; this.last = null; this.closing = false; }

  /** Between two polygons, the corners of the last one can be mended at once. */
  grip(p) { return this.busy ? null : this.drawing.handleGrip(p); }

  click(p) {
    const again = this.last !== null && p.time - this.last.time < DOUBLE_CLICK && this.isNear(p, this.last.corner, SAME_PLACE);
    this.last = again ? null : p;
    if (this.ring.length >= 3 && (again || this.isAtFirst(p))) return this.close();
    if (again) return;
    this.ring.push(p.corner);
    this.at = p.corner;
  }

  hover(p) {
    this.closing = this.isAtFirst(p);
    this.at = this.closing ? this.ring[0] : p.corner;
  }

  menu() {
    if (this.ring.length >= 3) this.close();
    return true;
  }

  key(event) {
    if (!this.busy) return false;
    const undo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (event.key === "Enter") this.close();
    else if (event.key === "Escape") this.cancel();
    else if (event.key === "Backspace" || undo) { this.ring.pop(); this.last = null; if (!this.busy) this.cancel(); }
    else return false;
    return true;
  }

  close() {
    if (this.ring.length < 3) return;
    const {ring} = this;
    this.cancel();
    this.drawing.commitNew("polygon", [[ring]]);
  }

  isNear(p, corner, pixels) {
    const [x, y] = this.drawing.project(corner);
    return Math.hypot(x - p.screen[0], y - p.screen[1]) <= pixels * p.fat;
  }

  isAtFirst(p) { return this.ring.length >= 3 && this.isNear(p, this.ring[0], CLOSES); }

  /** What is to be seen of it, in degrees. */
  sketch() {
    const open = this.closing || this.at === null ? this.ring : [...this.ring, this.at];
    return {
      ring: open,
      isClosed: this.closing,
      handles: this.ring.map((corner, i) => ({corner, active: i === 0 && this.closing})),
      crossing: open.length > 3 && crossesItself(open, open.length - 1),
    };
  }

  cursor(p) {
    if (this.closing) return "pointer";
    return !this.busy && this.drawing.handleAt(p) ? "move" : "crosshair";
  }

  hint(sketch) {
    const n = this.ring.length;
    if (n === 0) return "Click to start a region";
    if (this.closing) return "Click to close the region";
    if (sketch.crossing) return "The outline crosses itself · Backspace takes a corner back";
    if (n < 3) return "Click to add a corner · Backspace takes one back · Esc cancels";
    return "Click to add a corner · Enter, double click or the first corner closes";
  }
}
