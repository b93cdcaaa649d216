"""Grades photographs on a Triton server: python triton_client.py 127.0.0.1:8000 eye.jpg ...

The server has what `edge-compile --export served --for triton` wrote: tritonserver --model-repository=served
"""

import sys

import tritonclient.http as triton  # pip install "tritonclient[http]"

from edge import read_image

VERDICTS = ("no_fundus", "reject", "usable", "good")
CAUSES = ("too_dark", "edge_shadow", "too_bright", "reflex", "lid", "haze", "blur")

server = triton.InferenceServerClient(sys.argv[1])
if not server.is_model_ready("efiqa"):
    sys.exit(f"error: {sys.argv[1]} does not serve efiqa: look at its log.")
for path in sys.argv[2:]:
    frame = read_image(path)[:, :, ::-1].copy()  # RGB, any size
    taken = triton.InferInput("frame", list(frame.shape), "UINT8")
    taken.set_data_from_numpy(frame)
    wanted = [triton.InferRequestedOutput(name) for name in ("score", "verdict", "cause")]
    answer = server.infer("efiqa", [taken], outputs=wanted)
    score, verdict, cause = (answer.as_numpy(each.name())[0] for each in wanted)
    why = CAUSES[cause] if VERDICTS[verdict] in ("usable", "reject") else ""
    print(f"{score:.3f}", VERDICTS[verdict], why, path)
