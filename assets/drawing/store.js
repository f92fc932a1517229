// The set of shapes as this browser shows it: what Python accepted, with what a person did since laid over it.
//
// `accepted` and `told` are written by Python, `said` only here. Every message has a number; Python tells how far it
// heard, and what is newer stays laid over whatever Python pushes. So a late push takes back nothing.

import {boundsOfAll, labelPoint, orientedRings} from "./geometry.js";

const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36).padStart(7, "0")).join("");
const axis = (rings, k) => rings.map((part) => part.map((ring) => ring.map((corner) => corner[k])));

/**
 * A path in degrees from an origin: it is put on the screen by a transform, so panning builds no path anew. An origin of
 * its own, because browsers draw with half of a number's digits, and would be metres off in a view of a few metres.
 */
const pathOf = (rings, [x0, y0]) => orientedRings(rings)
  .map((ring) => (ring.length ? `M${ring.map(([x, y]) => `${x - x0} ${y - y0}`).join("L")}Z` : "")).join("");

export function geometryOf(rings) {
  let path = null, box = null, label = null;   // worked out when first asked for
  return {
    rings,
    origin: rings[0]?.[0]?.[0] ?? [0, 0],
    get path() { return (path ??= pathOf(rings, this.origin)); },
    get box() { return (box ??= boundsOfAll(rings)); },
    get label() { return (label ??= labelPoint(rings)); },
  };
}

export class Store {
  constructor({accepted, told, said}) {
    Object.assign(this, {accepted, told, said});
    this.shapes = [];
    this.pending = [];
    this.lastNumber = 0;
    this.geometries = new WeakMap();   // by the row's own array, which stays the same when other rows change
    this.refresh();
  }

  get heard() { return this.tell("heard"); }
  tell(column) { return this.told.data[column][0]; }
  find(id) { return this.shapes.find((shape) => shape.id === id); }

  /** Whether Python knew all that was done here when it last told something; else what it told is out of date. */
  get isHeard() { return this.heard >= this.lastNumber; }

  /** Work out the shapes again, after Python or a person changed something. */
  refresh() {
    const {data} = this.accepted;
    this.pending = this.pending.filter(({number}) => number > this.heard);
    let shapes = Array.from(data.id, (id, i) => ({
      id, name: data.name[i], kind: data.kind[i], colour: data.colour[i], geometry: this.rowGeometry(data, i),
    }));
    for (const {verb, id, kind, geometry} of this.pending) {
      if (verb === "add") shapes.push({id, kind, geometry, name: "", colour: this.tell("next_colour")});
      if (verb === "change") shapes = shapes.map((shape) => (shape.id === id ? {...shape, kind, geometry} : shape));
      if (verb === "remove") shapes = shapes.filter((shape) => shape.id !== id);
    }
    this.shapes = shapes;
  }

  rowGeometry({xs, ys}, i) {
    if (!this.geometries.has(xs[i])) {
      const rings = Array.from(xs[i], (part, p) =>
        Array.from(part, (ring, r) => Array.from(ring, (x, c) => [x, ys[i][p][r][c]])));
      this.geometries.set(xs[i], geometryOf(rings));
    }
    return this.geometries.get(xs[i]);
  }

  add(kind, rings) { const id = newId(); this.edit("add", id, kind, rings); return id; }
  change(id, kind, rings) { this.edit("change", id, kind, rings); }
  remove(id) { this.edit("remove", id, "", []); }

  /** Lay an edit over the set. It is sent by `say`, together with the tool and the selection that follow from it. */
  edit(verb, id, kind, rings) {
    this.unsaid = {verb, id, kind, rings, geometry: geometryOf(rings), number: Infinity};
    this.pending.push(this.unsaid);
    this.refresh();
  }

  /** Send one message: the edit that waits, or only the tool and the selection. */
  say(mode, selected) {
    // The clock makes numbers grow even when a page was hidden and its scripts began anew.
    this.lastNumber = Math.max(Date.now(), this.lastNumber + 1, this.heard + 1);
    const {verb, id, kind, rings} = this.unsaid ?? {verb: "turn", id: "", kind: "", rings: []};
    if (this.unsaid) this.unsaid.number = this.lastNumber;
    this.unsaid = null;
    this.said.data = {
      number: [this.lastNumber], verb: [verb], id: [id], kind: [kind], xs: [axis(rings, 0)], ys: [axis(rings, 1)],
      mode: [mode], selected: [selected],
    };
  }
}
