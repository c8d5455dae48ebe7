"""Labelled pictures of faces, in folders or zips -> samples.

A picture may carry labels of some kinds only; what it lacks is None. Layouts (docs/training.md):

    ferplus     FER2013Train|FER2013Valid|FER2013Test / ferN.png, label.csv: ten annotators' votes
    utkface     <age>_<gender 0|1>_<race 0-4>_<date>.jpg(.chip.jpg)
    affectnet   training.csv|validation.csv, or train_set|val_set / images, annotations/N_exp.npy
    people      <person> / picture, or train|val|test / <person> / picture, as in VGGFace2
    classes     <emotion> / picture, or train|val|test / <emotion> / picture
    csv         path and any of label (emotion), subject, split, age, gender, ethnicity, valence, arousal
"""

from __future__ import annotations

from pathlib import Path

from fer_video.datasets.face_layouts import READERS
from fer_video.datasets.samples import FaceDataset, FaceLayout
from fer_video.datasets.tree import Tree
from fer_video.errors import InputError

__all__ = ["load_faces"]


def load_faces(path: Path, layout: FaceLayout) -> FaceDataset:
    """Read the labels of a dataset; pictures are read later.

    Raises InputError when nothing is there, it is not in that layout, or nothing usable is found in it.
    """
    if layout not in READERS:
        raise InputError(f"{path}: unknown layout {layout!r}; one of: {', '.join(READERS)}")
    if layout == "csv" and path.is_dir():
        raise InputError(f"{path}: the layout csv is a file with the column path and columns of labels")
    tree = Tree(path.parent if layout == "csv" else path)
    emotions, samples, skipped = READERS[layout](tree, path.name)
    if not samples:
        why = f"; {len(skipped)} were left out, the first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise InputError(f"{path}: no labelled picture found in the layout {layout}{why}; see docs/training.md")
    return FaceDataset(tree, layout, tuple(emotions), tuple(samples), tuple(skipped))
