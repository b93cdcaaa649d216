// The photograph, and the photograph under its map: the colours of edge/overlay/degradation.py.
import { enlarged, smoothed, valueAt } from "./grid.js";

const SMOOTH = 128, MARGIN = 4, CLEAR = 0.25, WIDEST = 900;
const LOW = [0, 110, 255], HIGH = [60, 225, 255], OPACITY = [0.9, 0.55, 0.62]; // R, G, B

/** Draw a frame on a canvas, reduced to what a screen shows; gives the scale. */
export function drawPlain(canvas, pixels) {
  const scale = Math.min(1, WIDEST / Math.max(pixels.width, pixels.height));
  const [width, height] = [pixels.width, pixels.height].map((each) => Math.max(1, Math.round(each * scale)));
  const whole = new OffscreenCanvas(pixels.width, pixels.height);
  whole.getContext("2d").putImageData(new ImageData(pixels.rgba, pixels.width, pixels.height), 0, 0);
  Object.assign(canvas, { width, height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.imageSmoothingQuality = "high";
  brush.drawImage(whole, 0, 0, width, height);
  return scale;
}

/** Lay the map over what another canvas shows, and mark disc and macula. */
export function drawMapped(canvas, plain, found, scale) {
  Object.assign(canvas, { width: plain.width, height: plain.height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(plain, 0, 0);
  if (!found.crop) return;
  const crop = { x: found.crop.x * scale, y: found.crop.y * scale, side: found.crop.side * scale };
  layMap(brush, canvas, found, crop);
  brush.lineWidth = Math.max(1.5, canvas.width / 400);
  for (const [name, mark] of Object.entries(found.landmarks))
    if (mark && mark.chance >= 0.3) circle(brush, crop, mark, name);
}

function layMap(brush, { width, height }, { map, field, grid }, crop) {
  const known = smoothed(field, grid, 1.5), near = smoothed(map.map((value, at) => value * field[at]), grid, 1.5);
  // The values of the field go on beyond its rim, so that enlarging mixes nothing foreign in.
  const values = enlarged(map.map((value, at) => (field[at] ? value : near[at] / Math.max(known[at], 1e-6))), grid, SMOOTH);
  const wide = grid + 2 * MARGIN, inside = enlarged(smoothed(framed(field, grid), wide, 1.2), wide, SMOOTH);
  const share = (across, down) => valueAt(inside, SMOOTH, (across * grid + MARGIN) / wide, (down * grid + MARGIN) / wide);
  const [left, top] = [Math.max(0, Math.floor(crop.x)), Math.max(0, Math.floor(crop.y))];
  const right = Math.min(width, Math.ceil(crop.x + crop.side)), low = Math.min(height, Math.ceil(crop.y + crop.side));
  if (right <= left || low <= top) return;
  const part = brush.getImageData(left, top, right - left, low - top), data = part.data;
  for (let y = top, at = 0; y < low; y++)
    for (let x = left; x < right; x++, at += 4) {
      const across = (x + 0.5 - crop.x) / crop.side, down = (y + 0.5 - crop.y) / crop.side;
      const strength = Math.max(0, (valueAt(values, SMOOTH, across, down) - CLEAR) / (1 - CLEAR));
      if (!strength) continue;
      const covered = strength ** 0.7 * Math.min(1, Math.max(0, share(across, down) * 4 - 1.5));
      for (let channel = 0; channel < 3; channel++) {
        const colour = (1 - strength) * LOW[channel] + strength * HIGH[channel], opacity = covered * OPACITY[channel];
        data[at + channel] = data[at + channel] * (1 - opacity) + colour * opacity;
      }
    }
  brush.putImageData(part, left, top);
}

/** The field with cells of nothing around it, so that its rim is smooth where it touches that of the grid too. */
function framed(field, grid) {
  const wide = grid + 2 * MARGIN, cells = new Float64Array(wide * wide);
  field.forEach((value, at) => { cells[(Math.floor(at / grid) + MARGIN) * wide + (at % grid) + MARGIN] = value; });
  return cells;
}

function circle(brush, crop, mark, name) {
  const half = crop.side / 2, x = crop.x + half * (1 + mark.x), y = crop.y + half * (1 + mark.y);
  const radius = Math.max(4, mark.diameter * half / 2), wide = brush.lineWidth;
  for (const [colour, width] of [["#282828", 3 * wide], ["#ebebeb", wide]]) {
    Object.assign(brush, { strokeStyle: colour, lineWidth: width });
    brush.setLineDash(name === "disc" ? [] : [3 * wide, 3 * wide]);
    brush.beginPath();
    brush.arc(x, y, radius, 0, 2 * Math.PI);
    brush.stroke();
  }
  brush.lineWidth = wide;
}
