// Values on the model's grid: lists of side * side numbers, row by row.

/** Smoothed by a bell; nothing lies beyond the grid. */
export function smoothed(cells, side, deviation) {
  const reach = Math.ceil(3 * deviation), bell = [];
  for (let off = -reach; off <= reach; off++) bell.push(Math.exp(-0.5 * (off / deviation) ** 2));
  const whole = bell.reduce((sum, each) => sum + each, 0);
  const along = (from, stride, step) => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < side; line++)
      for (let at = 0; at < side; at++) {
        let sum = 0;
        for (let off = Math.max(-reach, -at); off <= Math.min(reach, side - 1 - at); off++)
          sum += bell[off + reach] * from[line * stride + (at + off) * step];
        to[line * stride + at * step] = sum / whole;
      }
    return to;
  };
  return along(along(cells, side, 1), 1, side);
}

/** Enlarged smoothly to size * size values in [0, 1]; both are measured from pixel centres. */
export function enlarged(cells, side, size) {
  const taps = Array.from({ length: size }, (_, to) => {
    const at = (to + 0.5) * side / size - 0.5, first = Math.floor(at), share = at - first;
    return [-1, 0, 1, 2].map((off) => [Math.min(side - 1, Math.max(0, first + off)), cubic(off - share)]);
  });
  const wide = new Float64Array(side * size), large = new Float32Array(size * size);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < size; x++) for (const [at, weight] of taps[x]) wide[y * size + x] += weight * cells[y * side + at];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (const [at, weight] of taps[y]) sum += weight * wide[at * size + x];
      large[y * size + x] = Math.min(1, Math.max(0, sum));
    }
  return large;
}

function cubic(distance) { // OpenCV's
  const x = Math.abs(distance), a = -0.75;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** The value at a place in [0, 1] across and down of size * size values. */
export function valueAt(values, size, across, down) {
  const x = Math.min(size - 1, Math.max(0, across * size - 0.5)), y = Math.min(size - 1, Math.max(0, down * size - 0.5));
  const left = Math.min(size - 2, Math.floor(x)), top = Math.min(size - 2, Math.floor(y)), at = top * size + left;
  const upper = values[at] + (x - left) * (values[at + 1] - values[at]);
  const lower = values[at + size] + (x - left) * (values[at + size + 1] - values[at + size]);
  return upper + (y - top) * (lower - upper);
}
