"""The table as a data set of Hugging Face, with its photographs: python hugging_face.py archive.parquet."""

import sys

from datasets import Dataset, Image

columns = ["path", "score", "verdict", "cause", "eye", "site"]
table = Dataset.from_parquet(sys.argv[1], columns=columns)  # nothing leaves this machine unless you push it
good = table.filter(lambda row: row["verdict"] == "good" and row["eye"] != "")
good = good.add_column("image", good["path"]).cast_column("image", Image())  # decoded when it is looked at
print(good)
if len(good):
    print(good[0]["image"].size, good[0]["score"])
good.save_to_disk("good")  # paths, not pictures: good.push_to_hub would send what you must not send
