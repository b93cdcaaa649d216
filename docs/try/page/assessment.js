// From the outputs of the graph to what the program says of a frame: edge/assessment.py.
import { defineField, findLandmark, tellEye } from "./landmarks.js";
import told from "built:told.json";

const LIKELY = 0.04, LEAST_OF_GOOD = 0.05; // assessment.py

/** As Assessment.to_dict of the program, and the maps. */
export function assessmentOf({ values, milliseconds }) {
  const verdict = told.verdicts[values.verdict[0]], [x, y, side] = values.crop, grid = Math.sqrt(values.map.length);
  const causes = causesOf(values, verdict);
  const shows = verdict !== "no_fundus" && Boolean(values.disc && values.macula);
  const landmarks = Object.fromEntries(["disc", "macula"].map((name) =>
    [name, shows ? findLandmark(values[name], values.field, grid, name) : null]));
  const { eye, probability } = shows ? tellEye(values.disc, values.macula, values.field, grid) : { eye: null, probability: 0.5 };
  return {
    score: values.score[0], verdict, coverage: values.coverage[0], cause: causes[0]?.code ?? null, causes, eye,
    eye_probability: probability, field_definition: defineField(landmarks, values.field, grid), landmarks,
    crop: side ? { x, y, side } : null, milliseconds: Math.round(milliseconds),
    grid, map: values.map, field: values.field,
  };
}

function causesOf({ cause: [main], causes_present: present, cause_shares: shares }, verdict) {
  if (main < 0) return [];
  const order = present.map((_, at) => at).sort((one, two) => (two === main) - (one === main) || present[two] - present[one]);
  return order
    .filter((at) => (verdict === "good" ? present[at] >= LIKELY && shares[at] >= LEAST_OF_GOOD : at === main || present[at] >= LIKELY))
    .map((at) => ({ code: told.causes[at], share: shares[at] }));
}

/** Cut, not rounded: no score looks like 1, or like a threshold, that it does not reach. */
export const shown = (score) => (Math.floor(score * 1000 + 1e-6) / 1000).toFixed(3);
