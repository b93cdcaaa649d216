// edge/findings: landmarks.py, eye.py and field_definition.py, on the outputs of the exported graph.
const DRAWN = 1.3, DISC = 0.125, MACULA = 0.16666666666666666; // landmarks.py
const LEAST = 0.9, AWAY = 0.75, BELOW = 0.09, DEVIATION = 0.15, UNSEEN = 2e-5, BEYOND = 1e-4; // eye.py
const TOLD = 0.3, SMALL = 0.15, SURE = 0.8, CENTRED = 1.5, CENTRED_RADII = 0.45; // field_definition.py

/** Where a landmark is, in field radii from the middle, x to the right and y down; null where its map is empty. */
export function findLandmark(chances, field, side, name) {
  const inside = chances.map((chance, at) => chance * field[at]);
  const surest = inside.reduce((best, chance, at) => (chance > inside[best] ? at : best), 0);
  if (!(inside[surest] > 0)) return null;
  const [row, column] = [Math.floor(surest / side), surest % side], half = Math.round(side * (name === "disc" ? DISC : MACULA));
  let mass = 0, whole = 0, x = 0, y = 0;
  for (let down = Math.max(0, row - half); down < Math.min(side, row + half + 1); down++)
    for (let across = Math.max(0, column - half); across < Math.min(side, column + half + 1); across++) {
      const chance = inside[down * side + across], weight = chance * chance;
      mass += chance;
      whole += weight;
      x += weight * across;
      y += weight * down;
    }
  const cell = 2 / side, diameter = Math.sqrt(4 * mass / Math.PI) * cell;
  return { x: (x / whole + 0.5) * cell - 1, y: (y / whole + 0.5) * cell - 1,
    diameter: name === "disc" ? diameter / DRAWN : diameter, chance: inside[surest] };
}

/** Which eye an upright photograph shows, or null, and the probability of the likelier one. */
export function tellEye(disc, macula, field, side) {
  if (!field.some(Boolean)) return { eye: null, probability: 0.5 };
  const edge = Math.floor(side / 2), wide = side + 2 * edge;
  const padded = (chances) => {
    const cells = new Float64Array(wide * wide).fill(BEYOND);
    for (let at = 0; at < side * side; at++)
      if (field[at]) cells[(Math.floor(at / side) + edge) * wide + (at % side) + edge] = chances[at] ** 2 + UNSEEN;
    return cells;
  };
  const discs = padded(disc), maculas = padded(macula), reach = [];
  for (let off = -side; off <= side; off++) reach.push(off * 2 / side);
  const temporal = bell(reach.map((each) => each + AWAY)), below = bell(reach.map((each) => each - BELOW));
  const agreeing = (across) => {
    const near = filtered(filtered(maculas, wide, across, 1, wide), wide, below, wide, 1);
    return near.reduce((sum, value, at) => sum + value * discs[at], 0);
  };
  const right = agreeing(temporal), left = agreeing([...temporal].reverse());
  const probability = Math.max(right, left) / (right + left);
  return { eye: probability < LEAST ? null : right > left ? "right" : "left", probability };
}

function bell(distances) {
  const shape = distances.map((each) => Math.exp(-0.5 * (each / DEVIATION) ** 2));
  const whole = shape.reduce((sum, each) => sum + each, 0);
  return shape.map((each) => each / whole);
}

/** Correlated with a kernel along one axis; the cells at the rim go on beyond it. */
function filtered(cells, wide, kernel, step, stride) {
  const half = (kernel.length - 1) / 2, found = new Float64Array(cells.length);
  for (let line = 0; line < wide; line++)
    for (let at = 0; at < wide; at++) {
      let sum = 0;
      for (let tap = 0; tap < kernel.length; tap++)
        if (kernel[tap] > 1e-12)
          sum += kernel[tap] * cells[line * stride + Math.min(wide - 1, Math.max(0, at + tap - half)) * step];
      found[line * stride + at * step] = sum;
    }
  return found;
}

/** What a photograph is centred on, and distances in disc diameters. */
export function defineField(landmarks, field, side) {
  const told = (each) => (each && each.chance >= TOLD ? each : null);
  const disc = told(landmarks.disc), macula = told(landmarks.macula), far = (each) => (each ? Math.hypot(each.x, each.y) : Infinity);
  const nearest = far(macula) <= far(disc) ? "macula" : "disc";
  const scale = disc && (disc.diameter >= SMALL || disc.chance >= SURE) ? disc.diameter : null;
  const limit = scale ? CENTRED * scale : CENTRED_RADII;
  const kind = Math.min(far(macula), far(disc)) <= limit ? nearest : "other";
  if (!scale) return { kind, fovea: null, disc: null, width: null, disc_to_edge: null };
  const scaled = (each) => (each ? [each.x / scale, each.y / scale] : null);
  return { kind, fovea: scaled(macula), disc: scaled(disc), width: 2 / scale,
    disc_to_edge: toEdge(disc, field, side) / scale - 0.5 };
}

/** From the centre of a landmark to the nearest edge of the field, in field radii; 0 outside. */
function toEdge(landmark, field, side) {
  const outside = [];
  for (let y = -1; y <= side; y++)
    for (let x = -1; x <= side; x++)
      if (x < 0 || y < 0 || x >= side || y >= side || !field[y * side + x]) outside.push([x, y]);
  const distance = (x, y) => (x < 0 || y < 0 || x >= side || y >= side || !field[y * side + x] ? 0
    : Math.sqrt(outside.reduce((least, [a, b]) => Math.min(least, (a - x) ** 2 + (b - y) ** 2), Infinity)));
  const [x, y] = [landmark.x, landmark.y].map((place) => (place + 1) / 2 * side - 0.5);
  const left = Math.floor(x), top = Math.floor(y), right = x - left, down = y - top;
  const found = (1 - down) * ((1 - right) * distance(left, top) + right * distance(left + 1, top))
    + down * ((1 - right) * distance(left, top + 1) + right * distance(left + 1, top + 1));
  return Math.max(found - 0.5, 0) * 2 / side;
}
