// Geometry of shapes in degrees. Nothing here knows the screen, Bokeh or Python.
//
// A shape's `rings` are parts; a part is its outer ring and then its holes; a ring is its corners [lon, lat], the first
// one not repeated. A place in it is {part, ring, corner}.

export function boundsOf(ring) {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of ring) {
    west = Math.min(west, x); east = Math.max(east, x);
    south = Math.min(south, y); north = Math.max(north, y);
  }
  return [west, south, east, north];
}

export const boundsOfAll = (rings) => boundsOf(rings.flat().map(boundsOf).flatMap(([w, s, e, n]) => [[w, s], [e, n]]));

/** Return how often, and in which sense, a ring runs around a point. */
function winding(ring, [x, y]) {
  let turns = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [[x1, y1], [x2, y2]] = [ring[j], ring[i]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) turns += y2 > y1 ? 1 : -1;
  }
  return turns;
}

/** Tell whether a point lies within a shape. What crosses itself is whole, as motrain_app.design.shapes mends it. */
export const isInside = (rings, point) =>
  rings.some(([outer, ...holes]) => winding(outer, point) !== 0 && holes.every((hole) => winding(hole, point) === 0));

/** Return all rings, outer ones running one way and holes the other: then a picture filled by winding is right. */
export const orientedRings = (rings) => rings.flatMap((part) =>
  part.map((ring, r) => (ring.length && (measures(ring).area > 0) === (r === 0) ? ring : [...ring].reverse())));

export const midpoints = (ring) =>
  ring.map(([x, y], i) => { const [u, v] = ring[(i + 1) % ring.length]; return [(x + u) / 2, (y + v) / 2]; });

export const boxRing = ([x1, y1], [x2, y2]) => {
  const [west, south, east, north] = boundsOf([[x1, y1], [x2, y2]]);
  return [[west, south], [east, south], [east, north], [west, north]];   // as motrain_app.design.box
};

export const isBox = (ring) =>
  ring.length === 4 && new Set(ring.map(([x]) => x)).size === 2 && new Set(ring.map(([, y]) => y)).size === 2
  && ring.every(([x, y], i) => (x === ring[(i + 1) % 4][0]) !== (y === ring[(i + 1) % 4][1]));

/** Return the rings with one ring replaced. */
export const withRing = (rings, {part, ring}, corners) =>
  rings.map((one, p) => (p === part ? one.map((old, r) => (r === ring ? corners : old)) : one));

/** Return the rings moved. Sums are rounded to a tenth of a millimetre, or they would end in …0000000001. */
export function moved(rings, dx, dy) {
  const sum = (a, b) => Number((a + b).toFixed(9));
  return rings.map((part) => part.map((ring) => ring.map(([x, y]) => [sum(x, dx), sum(y, dy)])));
}

const side = ([ax, ay], [bx, by], [cx, cy]) => Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));
const cross = (a, b, c, d) => side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
const MANY = 200;   // corners: from here on only the edges at the moved corner are tried, to keep up with the mouse

/** Tell whether the outline of a ring crosses itself. `at`: the corner that moves; others were tried before. */
export function crossesItself(ring, at = null) {
  const n = ring.length, edge = (i) => [ring[i % n], ring[(i + 1) % n]];
  const tried = n > MANY && at !== null ? [(at + n - 1) % n, at] : ring.keys();
  for (const i of tried) {
    for (let j = 0; j < n; j++) {
      const apart = Math.min((i - j + n) % n, (j - i + n) % n);
      if (apart > 1 && cross(...edge(i), ...edge(j))) return true;
    }
  }
  return false;
}

/** Return the area of a ring, negative where it runs clockwise, and its centroid. */
function measures(ring) {
  const [[x0, y0]] = ring;   // sums near zero keep their digits
  let [area, x, y] = [0, 0, 0];
  for (let i = 0; i < ring.length; i++) {
    const [ax, ay] = ring[i], [bx, by] = ring[(i + 1) % ring.length];
    const twice = (ax - x0) * (by - y0) - (bx - x0) * (ay - y0);
    area += twice / 2;
    x += twice * (ax + bx - 2 * x0); y += twice * (ay + by - 2 * y0);
  }
  return {area, centroid: [x0 + x / (6 * area), y0 + y / (6 * area)]};
}

/** Return where a shape's name stands: the centroid of its largest part, or beside it where that lies outside. */
export function labelPoint(rings) {
  let best = null;
  for (const part of rings) {
    const {area, centroid} = measures(part[0]);
    if (best === null || Math.abs(area) > best.area) best = {area: Math.abs(area), centroid, part};
  }
  const [west, south, east, north] = boundsOf(best.part[0]), middle = [(west + east) / 2, (south + north) / 2];
  const point = best.centroid.every(Number.isFinite) && best.area > 0 ? best.centroid : middle;
  return isInside([best.part], point) ? point : widestMiddle(best.part, point[1]) ?? point;
}

/** Return the middle of the widest stretch of a part at a latitude. */
function widestMiddle(part, y) {
  const hits = [];
  for (const ring of part) {
    ring.forEach(([x1, y1], i) => {
      const [x2, y2] = ring[(i + 1) % ring.length];
      if (y1 > y !== y2 > y) hits.push(((x2 - x1) * (y - y1)) / (y2 - y1) + x1);
    });
  }
  hits.sort((a, b) => a - b);
  let best = null;
  for (let i = 0; i + 1 < hits.length; i += 2) {
    if (best === null || hits[i + 1] - hits[i] > best.width) best = {width: hits[i + 1] - hits[i], x: (hits[i] + hits[i + 1]) / 2};
  }
  return best && [best.x, y];
}

/** Round a coordinate to what the mouse can mean: the decimal that is below a tenth of a pixel. */
export function rounded(value, degreesPerPixel) {
  const digits = Math.ceil(-Math.log10(degreesPerPixel / 10));
  return Number(value.toFixed(Math.min(12, Math.max(0, digits))));
}
