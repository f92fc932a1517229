// What can be gripped of a shape: its corners, and the small dots in the middle of its edges.

import {boxRing, isBox, midpoints, withRing} from "./geometry.js";

const CORNER_REACH = 9, MIDDLE_REACH = 7;      // pixels around a handle that belong to it
const CORNER_GAP = 8, EDGE_FOR_MIDDLE = 28;    // pixels: nearer corners, and middles of shorter edges, are not shown

const distance = ([x1, y1], [x2, y2]) => Math.hypot(x1 - x2, y1 - y2);

/** Return the handles of rings that are far enough apart to be told from each other, with their place on the screen. */
export function handlesOf(rings, project) {
  const handles = [];
  rings.forEach((part, p) => part.forEach((ring, r) => {
    const at = ring.map(project);
    let last = null;
    at.forEach((screen, corner) => {
      if (last !== null && distance(screen, last) < CORNER_GAP) return;
      last = screen;
      handles.push({kind: "corner", part: p, ring: r, corner, screen});
    });
    midpoints(ring).forEach((middle, corner) => {
      if (distance(at[corner], at[(corner + 1) % ring.length]) < EDGE_FOR_MIDDLE) return;
      handles.push({kind: "middle", part: p, ring: r, corner, screen: project(middle)});
    });
  }));
  return handles;
}

/** Return the handle under a point of the screen; corners before middles, the nearest first. */
export function handleAt(handles, screen, fat) {
  let best = null;
  for (const handle of handles) {
    const away = distance(handle.screen, screen) + (handle.kind === "middle" ? CORNER_REACH : 0);
    const reach = handle.kind === "middle" ? MIDDLE_REACH + CORNER_REACH : CORNER_REACH;
    if (away <= reach * fat && (best === null || away < best.away)) best = {away, handle};
  }
  return best?.handle ?? null;
}

export const isSameHandle = (a, b) =>
  a === b || (a && b && a.kind === b.kind && a.part === b.part && a.ring === b.ring && a.corner === b.corner);

/** Return the rings after a handle was dragged to a corner [lon, lat], and which corner that is now. */
export function dragged({kind, geometry: {rings}}, handle, to) {
  const ring = rings[handle.part][handle.ring], k = handle.corner;
  if (kind === "box" && rings.length === 1 && isBox(ring)) return {rings: [[draggedBox(ring, handle, to)]], corner: null};
  const corners = handle.kind === "corner"
    ? ring.map((old, i) => (i === k ? to : old))
    : [...ring.slice(0, k + 1), to, ...ring.slice(k + 1)];
  return {rings: withRing(rings, handle, corners), corner: handle.kind === "corner" ? k : k + 1};
}

/** A box stays one: a corner pulls its two edges along, the middle of an edge pulls that edge. */
function draggedBox(ring, {kind, corner}, [x, y]) {
  const from = ring[corner], next = ring[(corner + 1) % 4];
  const pulls = kind === "corner" ? [true, true] : [from[0] === next[0], from[1] === next[1]];
  const pulled = ring.map(([u, v]) => [pulls[0] && u === from[0] ? x : u, pulls[1] && v === from[1] ? y : v]);
  return boxRing(pulled[0], pulled[2]);
}

/** Return the rings without a corner; null where the ring would be no outline any more. */
export function withoutCorner({geometry: {rings}}, handle) {
  const ring = rings[handle.part][handle.ring];
  return ring.length > 3 ? withRing(rings, handle, ring.filter((_, i) => i !== handle.corner)) : null;
}
