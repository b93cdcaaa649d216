"""Grade a folder and plot its scores by verdict: python grade_and_plot.py photos scores.png."""

import sys
from collections import Counter

import matplotlib

matplotlib.use("Agg")  # a file, no window
from matplotlib import pyplot as plt

from edge import QualityModel, grade_files

COLOURS = {"good": "tab:green", "usable": "tab:olive", "reject": "tab:red", "no_fundus": "tab:gray"}

with QualityModel.load() as model:
    graded = [each for each in grade_files(model, [sys.argv[1]]) if each.assessment]  # the others have an error
    usable, good = model.manifest.thresholds.usable, model.manifest.thresholds.good

figure, axes = plt.subplots(figsize=(7, 3.5))
scores = {verdict: [a.score for a in (e.assessment for e in graded) if a.verdict == verdict] for verdict in COLOURS}
axes.hist(scores.values(), bins=20, range=(0, 1), stacked=True, color=COLOURS.values(), label=list(COLOURS))
for threshold in (usable, good):
    axes.axvline(threshold, color="black", linestyle=":")
axes.set(xlabel="score", ylabel="photographs", title=f"{len(graded)} photographs")
axes.legend()
figure.savefig(sys.argv[2], bbox_inches="tight", dpi=120)

causes = Counter(each.assessment.cause.code for each in graded if each.assessment.cause)
for code, number in causes.most_common():
    print(number, code)
