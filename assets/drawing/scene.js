// What is seen: an SVG between the figure's picture and what takes its mouse. It is given states and remembers none.

import {STYLE} from "./style.js";

const SVG = "http://www.w3.org/2000/svg";
const LONGEST_NAME = 32, LETTER = 6.8, LINE = 16;   // letters; pixels of a label
const CORNER_RADIUS = 5, MIDDLE_RADIUS = 4;

function element(parent, tag, css = "") {
  const node = document.createElementNS(SVG, tag);
  if (css) node.setAttribute("class", css);
  return parent.appendChild(node);
}

/** Make a group hold as many children as needed, by `make`, and return them. */
function children(group, count, make) {
  while (group.childElementCount > count) group.lastChild.remove();
  while (group.childElementCount < count) make(group);
  return [...group.children];
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

/** Return the pixels per degree of a linear scale, measured over the whole range so that no digits are lost. */
const factor = (scale, {start, end}) => (scale.compute(end) - scale.compute(start)) / (end - start);

const toggle = (name, on) => (on ? ` ${name}` : "");

/** The sketch of a tool that draws nothing just now. */
export const NOTHING = {ring: [], isClosed: false, handles: [], crossing: false};

export class Scene {
  constructor(view) {
    this.view = view;
    this.events = view.canvas_view.events_el;
    this.layer = Object.assign(document.createElement("div"), {className: "mt-drawing"});
    this.layer.appendChild(Object.assign(document.createElement("style"), {textContent: STYLE}));
    const svg = this.layer.appendChild(document.createElementNS(SVG, "svg"));
    this.areas = element(svg, "g", "areas");
    this.sketch = element(svg, "g");
    this.sketchParts = Object.fromEntries(["casing", "area", "closing", "line"].map((css) => [css, element(this.sketch, "path", css)]));
    this.labels = element(svg, "g", "labels");
    this.handles = element(svg, "g", "handles");
    this.hint = this.layer.appendChild(Object.assign(document.createElement("div"), {className: "mt-drawing-hint"}));
    this.svg = svg;
    this.groups = new Map();
    this.place();
  }

  /** Stand directly below what takes the mouse. Bokeh may build its layers anew and leave ours out. */
  place() {
    if (this.layer.nextSibling !== this.events) this.events.parentNode.insertBefore(this.layer, this.events);
    const {left, right, top, bottom} = this.view.frame.bbox;
    this.svg.style.clipPath = `polygon(${left}px ${top}px, ${right}px ${top}px, ${right}px ${bottom}px, ${left}px ${bottom}px)`;
    Object.assign(this.hint.style, {left: `${(left + right) / 2}px`, top: `${bottom - 42}px`});
  }

  project([x, y]) {
    const {x_scale, y_scale} = this.view.frame;
    return [x_scale.compute(x), y_scale.compute(y)];
  }

  /** Draw the shapes: `selected` and `hovered` are ids, `preview` {id, geometry, crossing} replaces one of them. */
  drawShapes(shapes, {selected, hovered, preview}) {
    const {x_scale, x_range, y_scale, y_range} = this.view.frame;
    const [sx, sy] = [factor(x_scale, x_range), factor(y_scale, y_range)];
    const gone = new Set(this.groups.keys());
    // The first shape wins where two overlap, so it is drawn last; the selected one lies over all.
    const ordered = [...shapes].reverse().sort((a, b) => (a.id === selected) - (b.id === selected));
    ordered.forEach((shape, i) => {
      gone.delete(shape.id);
      const group = this.groups.get(shape.id) ?? this.newGroup(shape.id);
      const shown = preview?.id === shape.id ? preview : shape;
      const css = `area-group${toggle("selected", shape.id === selected)}${toggle("hovered", shape.id === hovered)}`
        + toggle("crossing", shown.crossing);
      const [x, y] = this.project(shown.geometry.origin);
      set(group.node, {class: css, style: `--colour: ${shape.colour}`, transform: `matrix(${sx} 0 0 ${sy} ${x} ${y})`});
      if (group.geometry !== shown.geometry) {
        group.geometry = shown.geometry;
        set(group.casing, {d: shown.geometry.path});
        set(group.area, {d: shown.geometry.path});
      }
      if (this.areas.children[i] !== group.node) this.areas.insertBefore(group.node, this.areas.children[i] ?? null);
    });
    for (const id of gone) { this.groups.get(id).node.remove(); this.groups.delete(id); }
    this.drawLabels(shapes, selected, preview);
  }

  newGroup(id) {
    const node = element(this.areas, "g");
    node.dataset.id = id;
    const group = {node, casing: element(node, "path", "casing"), area: element(node, "path", "area"), geometry: null};
    this.groups.set(id, group);
    return group;
  }

  /** Write names as text, never as markup; where two would overlap, only the upper shape's. */
  drawLabels(shapes, selected, preview) {
    const {bbox} = this.view.frame, taken = [];
    const first = [...shapes].sort((a, b) => (b.id === selected) - (a.id === selected));
    const shown = first.flatMap((shape) => {
      if (!shape.name) return [];
      const {geometry} = preview?.id === shape.id ? preview : shape;
      const [x, y] = this.project(geometry.label);
      if (!bbox.contains(x, y)) return [];
      const name = shape.name.length > LONGEST_NAME ? `${shape.name.slice(0, LONGEST_NAME - 1)}…` : shape.name;
      const half = (name.length * LETTER) / 2;
      const box = [x - half, y - LINE / 2, x + half, y + LINE / 2];
      if (taken.some(([l, t, r, b]) => box[0] < r && box[2] > l && box[1] < b && box[3] > t)) return [];
      taken.push(box);
      return [{name, x, y, css: shape.id === selected ? "selected" : ""}];
    });
    const nodes = children(this.labels, shown.length, (group) => element(group, "text"));
    shown.forEach(({name, x, y, css}, i) => {
      if (nodes[i].textContent !== name) nodes[i].textContent = name;
      set(nodes[i], {x: x.toFixed(1), y: y.toFixed(1), class: css});
    });
  }

  /** Draw what is being drawn: a ring in degrees, whose last corner follows the mouse until it `isClosed`. */
  drawSketch({ring, isClosed, crossing}, colour) {
    const points = ring.map((corner) => this.project(corner).map((value) => value.toFixed(1)).join(" "));
    const line = points.length > 1 ? `M${points.join("L")}${isClosed ? "Z" : ""}` : "";
    const closing = points.length > 2 && !isClosed ? `M${points.at(-1)}L${points[0]}` : "";
    set(this.sketch, {class: `sketch${toggle("crossing", crossing)}`, style: `--colour: ${colour}`});
    set(this.sketchParts.casing, {d: line});
    set(this.sketchParts.area, {d: points.length > 2 ? line : ""});
    set(this.sketchParts.closing, {d: closing});
    set(this.sketchParts.line, {d: line});
  }

  drawHandles(handles, colour) {
    const nodes = children(this.handles, handles.length, (group) => element(group, "circle"));
    set(this.handles, {class: "handles", style: `--colour: ${colour}`});
    handles.forEach(({screen: [x, y], kind, active}, i) => {
      const r = (kind === "middle" ? MIDDLE_RADIUS : CORNER_RADIUS) + (active ? 2 : 0);
      set(nodes[i], {cx: x.toFixed(1), cy: y.toFixed(1), r, class: `${kind}${toggle("active", active)}`});
    });
  }

  say(hint, isWrong) {
    if (this.hint.textContent !== hint) this.hint.textContent = hint;
    this.hint.classList.toggle("wrong", isWrong);
  }

  /** The cursor beats the one that Bokeh sets on every move; null leaves it to Bokeh. */
  point(cursor) {
    if (cursor === null) delete this.events.dataset.mtCursor;
    else this.events.dataset.mtCursor = cursor;
  }

  remove() {
    this.point(null);
    this.layer.remove();
  }
}
