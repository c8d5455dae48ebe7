"""Recipes, crops, augmentation, batches and figures: all of training that needs no torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces import SIX, face_crops, write_ferplus, write_utkface
from media import Image

from fer_video.datasets.faces import load_faces
from fer_video.errors import InputError, OptionError, OutputError
from fer_video.training import pictures as pictures_module
from fer_video.training import stored as stored_module
from fer_video.training.augment import augment, plain
from fer_video.training.batches import Mixer, Part, batches, plain_batches
from fer_video.training.calibration import calibration_error, fit_temperature, reliability, tempered
from fer_video.training.data import Prepared, decode, read_labels
from fer_video.training.figures import expected_age, figures, score, verification_auc
from fer_video.training.pictures import Pictures, load_pictures
from fer_video.training.recipe import Augmentation, Head, Recipe, Source, Stage, Surround, read_recipe, recipe_from
from fer_video.training.surround import face_mask, surrounded
from fer_video.training.targets import empty, smoothed, targets_of

ROOT = Path(__file__).parents[2]
MINIMAL = {
    "name": "tiny", "architecture": "test_efficientnet", "size": 48,
    "heads": [{"task": "emotion"}],
    "sources": [{"name": "fer", "layout": "ferplus", "size": 48}],
    "stages": [{"name": "one", "size": 48}],
}  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.name)
def test_committed_recipes_are_right(path: Path) -> None:
    assert path.stem.startswith(read_recipe(path).name)  # a later step of a network's training adds its number


def test_a_recipe_has_defaults() -> None:
    recipe = recipe_from(MINIMAL, Path())
    assert recipe.heads[0].labels[:2] == ("neutral", "happiness")
    assert recipe.stages[0].optimizer == "adamw"
    assert recipe_from({**recipe.to_dict(), "directory": "x"}, Path()) == recipe  # as it is kept in a checkpoint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"archtecture": "x"}, "unknown key archtecture; one of: name, architecture"),
        ({"name": 3}, "name is 3; it should be of the type str"),
        ({"heads": []}, "there are no heads"),
        ({"heads": [{"task": "mood"}]}, r"heads\[0\].task is 'mood'; one of: emotion"),
        ({"heads": [{"task": "age"}, {"task": "age"}]}, "two heads of the same name"),
        ({"heads": [{"weight": 1.0}]}, r"heads\[0\].task is missing"),
        ({"heads": {"task": "age"}}, "heads should be a list"),
        ({"sources": [{"name": "a", "layout": "zoo"}]}, "'zoo'; one of: ferplus"),
        ({"sources": [{"name": "a", "layout": "csv", "ratio": 0}]}, "ratio 0.0 should be above 0"),
        ({"stages": [{"name": "s", "size": 48, "lr": "fast"}]}, r"stages\[0\].lr is 'fast'"),
        ({"stages": [{"name": "s", "size": 48, "tasks": ["age"]}]}, "there is no head age"),
        ({"stages": [{"name": "s", "size": 64}]}, "the last stage should have the network's size, 48"),
        ({"augment": 3}, r"augment. should be a table"),
        ({"ema": 1}, "ema 1.0 should lie between"),
        ({"seed": -1}, "seed -1 should not be negative"),
        ({"clip_norm": -1}, "clip_norm -1.0 should not be negative"),
        ({"dropout": 2}, "dropout 2.0 should lie between 0 and 1"),
        ({"sources": [{"name": "../x", "layout": "csv"}]}, "letters, digits and"),
        ({"sources": [{"name": "x", "layout": "csv", "size": 0}]}, "size 0 should be 16 to 1024"),
        ({"heads": [{"task": "age", "labels": ["1", "2"]}]}, "its labels are given by the task"),
        ({"heads": [{"task": "emotion", "labels": ["happy", "Happiness"]}]}, "two labels of emotion of the same name"),
    ],
)
def test_recipes_that_are_not_right(change: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        recipe_from({**MINIMAL, **change}, Path())


def test_recipe_files_that_are_not_right(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"none.toml: cannot be opened: No such file"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(OptionError, match=r"x.toml: not TOML"):
        read_recipe(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text("name = 'x'")
    with pytest.raises(OptionError, match=r"x.toml: architecture is missing"):
        read_recipe(tmp_path / "x.toml")


def test_whole_pictures_are_kept_and_found_again(tmp_path: Path, six_people: Image) -> None:
    folder = write_ferplus(tmp_path / "fer", face_crops(six_people, SIX, 48))
    (folder / "FER2013Train" / "fer0000000.png").write_bytes(b"")
    (folder / "FER2013Train" / "fer0000001.png").write_bytes(b"no picture")
    dataset = load_faces(folder, "ferplus")
    source = Source("fer", "ferplus", size=48)
    seen: list[tuple[int, int]] = []
    first = load_pictures(dataset, source, tmp_path / "cache", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (36, 36)
    assert first.images.shape == (34, 48, 48, 3)
    assert [reason for _, reason in first.skipped] == ["is empty or not there", "cannot be decoded"]
    name = first.dataset.samples[5].name
    assert np.array_equal(first.images[5], cv2.imread(str(folder / name)))
    again = load_pictures(dataset, source, tmp_path / "cache", lambda done, total: pytest.fail("was read again"))
    assert np.array_equal(first.images, again.images)
    assert again.skipped == first.skipped
    cv2.imwrite(str(folder / name), np.zeros((48, 48), np.uint8))  # a picture that changed is not the same
    changed = load_pictures(load_faces(folder, "ferplus"), source, tmp_path / "cache")
    assert not changed.images[5].any()


def test_faces_are_found_in_pictures(tmp_path: Path, six_people: Image) -> None:
    folder = tmp_path / "people"
    for k, crop in enumerate(face_crops(six_people, SIX, 160)):
        (folder / f"p{k}").mkdir(parents=True)
        cv2.imwrite(str(folder / f"p{k}" / "a.png"), crop)
    cv2.imwrite(str(folder / "p0" / "b.png"), np.full((90, 70, 3), 128, np.uint8))
    source = Source("people", "people", crop="detect", factor=1.0, margin=1.5, size=60)
    found = load_pictures(load_faces(folder, "people"), source, tmp_path / "cache")
    assert found.images.shape == (6, 60, 60, 3)
    assert found.margin == 1.5
    assert found.skipped == (("p0/b.png", "no face found"),)
    # The middle 1 / margin of what is kept is the crop around the face alone.
    alone = load_pictures(load_faces(folder, "people"), replace(source, margin=1.0, size=40), tmp_path / "cache")
    difference = np.abs(plain(found.images[0], 40, 1.5).astype(int) - alone.images[0]).mean()
    assert difference < 6


def test_boxes_of_the_labels(tmp_path: Path) -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:40] = 200
    cv2.imwrite(str(tmp_path / "a.png"), image)
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,expression\n"
    (tmp_path / "training.csv").write_text(head + "a.png,20,10,20,20,1\n")
    source = Source("affect", "affectnet", crop="box", factor=1.0, size=20)
    found = load_pictures(load_faces(tmp_path, "affectnet"), source, tmp_path / "cache")
    assert (found.images[0] == 200).all()


def test_not_one_picture_and_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d" / "p").mkdir(parents=True)
    (tmp_path / "d" / "p" / "a.png").write_bytes(b"x")
    dataset = load_faces(tmp_path / "d", "people")
    with pytest.raises(InputError, match=r"not one of 1 pictures can be used; the first: p/a.png: cannot be decoded"):
        load_pictures(dataset, Source("p", "people"), tmp_path / "cache")

    class Full:
        free = 1000

    monkeypatch.setattr(pictures_module.shutil, "disk_usage", lambda path: Full)
    with pytest.raises(OutputError, match=r"are needed for the decoded pictures and 0.0 GB are free"):
        load_pictures(dataset, Source("p", "people", size=500), tmp_path / "other")


def test_augmentation_is_a_function_of_the_generator(astronaut: Image) -> None:
    face = np.ascontiguousarray(cv2.resize(astronaut[40:200, 150:310], (60, 60)))
    one, two, other = (
        augment(face, 48, 1.25, Augmentation(), 1.0, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )  # fmt: skip
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert one.shape == (48, 48, 3)
    assert one.dtype == np.uint8
    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    unchanged = augment(face, 48, 1.25, still, 1.0, np.random.default_rng(0)).astype(int)
    assert np.abs(unchanged - plain(face, 48, 1.25)).mean() < 1
    always = Augmentation(1, 0.1, 0.2, 20, 0.4, 0.4, 1, 0, 1, 1, 1, 1, 1)
    for seed in range(20):  # every change at once still is a picture
        assert augment(face, 48, 1.25, always, 1.0, np.random.default_rng(seed)).std() > 1


def part_of(count: int, ratio: float = 1.0) -> Part:
    images = np.zeros((count, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    targets = empty(count, {"age": Head("age")})
    targets.age[:] = np.arange(count)
    dataset = None
    return Part(Pictures(dataset, np.arange(count), images, 1.0, ()), np.arange(count), targets, ratio)  # type: ignore[arg-type]


def test_batches_keep_their_ratios_and_go_through_everything() -> None:
    parts = [part_of(10, 3.0), part_of(7, 1.0)]
    mixer = Mixer(parts, 6, (0, 0))
    drawn = [mixer.draw(step) for step in range(40)]
    assert {len(each) for each in drawn} == {6}
    assert sum(part == 0 for each in drawn for part, _ in each) == 180  # three quarters of 240
    rows = [row for each in drawn for part, row in each if part == 0]
    for turn in range(18):
        assert sorted(rows[turn * 10 : turn * 10 + 10]) == list(range(10))
    assert rows[:10] != rows[10:20]
    later = Mixer(parts, 6, (0, 0))
    assert [later.draw(step) for step in range(25, 40)] == drawn[25:]  # whatever was drawn before


def test_a_rare_part_is_drawn_as_often_as_it_should() -> None:
    mixer = Mixer([part_of(10, 1.5), part_of(40, 0.1), part_of(10, 1.4)], 3, (0, 0))
    drawn = [mixer.draw(step) for step in range(200)]
    assert {len(each) for each in drawn} == {3}
    rare = [row for each in drawn for part, row in each if part == 1]
    assert len(rare) == 20 == len(set(rare))


def test_batches_are_the_same_from_any_step_and_with_any_number_of_threads() -> None:
    parts = [part_of(9)]
    stage = Stage("s", size=32, batch=4)
    all_of_them = list(batches(parts, stage, Augmentation(), (3, 0), range(6)))
    some = list(batches(parts, stage, Augmentation(), (3, 0), range(4, 6), workers=3))
    assert len(all_of_them) == 6
    for one, other in zip(all_of_them[4:], some, strict=True):
        assert np.array_equal(one.inputs, other.inputs)
        assert np.array_equal(one.targets.age, other.targets.age)
    assert all_of_them[0].inputs.shape == (4, 3, 32, 32)


def test_plain_batches_go_in_order() -> None:
    found = list(plain_batches(part_of(5), 32, batch=2))
    assert [len(each.inputs) for each in found] == [2, 2, 1]
    assert np.concatenate([each.targets.age for each in found]).tolist() == [0, 1, 2, 3, 4]


def prepare(recipe: Recipe, data: dict[str, Path], cache: Path) -> Prepared:
    return decode(read_labels(recipe, data, cache), cache)


def recipe_for(**change: object) -> Recipe:
    return recipe_from({**MINIMAL, **change}, Path())


def test_data_is_checked_before_anything_is_read(tmp_path: Path, six_people: Image) -> None:
    crops = face_crops(six_people, SIX, 48)
    fer, utk = write_ferplus(tmp_path / "fer", crops), write_utkface(tmp_path / "utk", crops)
    cache = tmp_path / "cache"
    mine = tmp_path / "mine"
    (mine / "joy").mkdir(parents=True)
    cv2.imwrite(str(mine / "joy" / "a.png"), crops[0])
    with pytest.raises(OptionError, match=r"where is fer.*--data fer=PATH"):
        prepare(recipe_for(), {}, cache)
    with pytest.raises(OptionError, match="no source 'ferplus' in the recipe; it has fer"):
        prepare(recipe_for(), {"ferplus": fer}, cache)
    with pytest.raises(OptionError, match="the head age has no label in any source"):
        prepare(recipe_for(heads=[{"task": "emotion"}, {"task": "age"}]), {"fer": fer}, cache)
    with pytest.raises(InputError, match="is labelled joy, which the emotion head does not have"):
        prepare(recipe_for(sources=[{"name": "mine", "layout": "classes"}]), {"mine": mine}, cache)
    with pytest.raises(InputError, match="one of: man, woman"):
        prepare(
            recipe_for(
                heads=[{"task": "gender", "labels": ["man", "woman"]}], sources=[{"name": "utk", "layout": "utkface"}]
            ),
            {"utk": utk}, cache,
        )  # fmt: skip
    with pytest.raises(OptionError, match="no labelled picture is for validation"):
        prepare(
            recipe_for(heads=[{"task": "age"}], sources=[{"name": "utk", "layout": "utkface", "validation": 1e-9}]),
            {"utk": utk}, cache,
        )  # fmt: skip
    with pytest.raises(OptionError, match="crop is box, and its labels have no boxes"):
        prepare(recipe_for(sources=[{"name": "fer", "layout": "ferplus", "crop": "box"}]), {"fer": fer}, cache)
    assert not list(cache.glob("*"))


def test_a_head_of_some_of_the_emotions(tmp_path: Path, six_people: Image) -> None:
    fer = load_faces(write_ferplus(tmp_path / "fer", face_crops(six_people, SIX, 48)), "ferplus")
    targets = targets_of(fer, [Head("emotion", ("surprise", "neutral"))])
    truth = np.array([np.argmax(sample.emotion or ()) for sample in fer.samples])
    assert targets.known("emotion").tolist() == (truth != 1).tolist()  # not those of happiness
    assert (targets.emotion[truth == 0] == (0, 1)).all()
    assert (targets.emotion[truth == 2] == (1, 0)).all()


def test_the_same_picture_twice_and_only_one_of_them_with_a_box(tmp_path: Path) -> None:
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"{k}.png"), np.full((40, 40, 3), 50 * k, np.uint8))
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,expression\n"
    lines = ["0.png,5,5,20,20,1", "0.png,,,,,2", "1.png,5,5,20,20,3", "2.png,5,5,20,20,4"]
    (tmp_path / "training.csv").write_text(head + "\n".join(lines) + "\n")
    source = Source("affect", "affectnet", crop="box", size=20)
    found = load_pictures(load_faces(tmp_path, "affectnet"), source, tmp_path / "cache")
    assert found.kept.tolist() == [0, 2, 3]
    assert [int(image.mean()) for image in found.images] == [0, 50, 100]
    assert [sample.name for sample in found.dataset.samples] == ["0.png", "1.png", "2.png"]
    assert found.skipped == (("0.png", "has no box in the labels"),)


def test_a_cache_that_does_not_fit_is_made_again(tmp_path: Path, six_people: Image) -> None:
    dataset = load_faces(write_ferplus(tmp_path / "fer", face_crops(six_people, SIX, 48)), "ferplus")
    source = Source("fer", "ferplus", size=48)
    first = np.array(load_pictures(dataset, source, tmp_path / "cache").images)
    (file,) = (tmp_path / "cache").glob("*.npy")
    np.save(file, np.zeros((3, 48, 48, 3), np.uint8))
    assert np.array_equal(load_pictures(dataset, source, tmp_path / "cache").images, first)


def masked_face(side: int = 120) -> Image:
    """A face as those of a masked dataset: an ellipse from side to side with dark eyes, black around it."""
    image = np.zeros((side, side, 3), np.uint8)
    cv2.ellipse(image, (side // 2, side // 2), (side // 2 - 1, side // 2 - 1), 0, 0, 360, (90, 130, 200), -1)
    for x in (0.35, 0.65):
        cv2.circle(image, (int(side * x), int(side * 0.4)), 7, (5, 5, 5), -1)
    return image


def test_the_mask_of_a_face_keeps_what_is_dark_in_it() -> None:
    mask = face_mask(masked_face())
    assert mask[48, 42] == 255  # an eye
    assert mask[2, 2] == mask[118, 118] == 0
    inside = np.pi * 59**2
    assert 0.9 * inside < (mask > 0).sum() < inside


@pytest.mark.parametrize("kind", ["smear", "pictures", "plain", "black"])
def test_a_masked_face_is_put_in_front_of_something(kind: str) -> None:
    face, other = masked_face(), np.full((50, 70, 3), (10, 200, 30), np.uint8)
    how = Surround(**{**dict.fromkeys(("smear", "pictures", "plain", "black"), 0.0), kind: 1.0})
    whole = surrounded(face, 1.25, how, np.random.default_rng(4), lambda: other)
    assert whole.shape == (150, 150, 3)
    assert np.abs(whole[65:85, 65:85].astype(int) - (90, 130, 200)).max() <= 1  # the middle of the face stays
    corner = whole[4, 4].astype(int)
    if kind == "black":
        assert not corner.any()
    elif kind == "pictures":
        assert corner.tolist() == [10, 200, 30]
    elif kind == "smear":  # the face's colour, lighter or darker
        assert np.allclose(corner / corner[0], np.array((90, 130, 200)) / 90, rtol=0.05)
    else:
        assert (whole[:10] == corner).all()
    same = surrounded(face, 1.25, how, np.random.default_rng(4), lambda: other)
    assert np.array_equal(whole, same)


def test_masked_sources_are_shown_with_a_new_surround_each_time(tmp_path: Path) -> None:
    for name in ("angry", "happy"):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for k in range(3):
            cv2.imwrite(str(tmp_path / "faces" / name / f"{k}.png"), masked_face())
    source = Source("wild", "classes", crop="masked", factor=1.1, margin=1.25, size=120)
    pictures = load_pictures(load_faces(tmp_path / "faces", "classes"), source, tmp_path / "cache")
    assert pictures.images.shape == (6, 120, 120, 3)  # kept without margin
    assert pictures.picture(0).shape == (165, 165, 3)
    assert np.array_equal(pictures.picture(0), pictures.picture(0))  # measured on the same ones always
    drawn = [pictures.picture(0, np.random.default_rng(seed)) for seed in range(8)]
    assert len({picture.tobytes() for picture in drawn}) == 8
    crop = plain(pictures.picture(0), 96, pictures.margin)  # the face fills 1 / 1.1 of the crop
    middle = np.abs(crop[48, 48].astype(int) - (90, 130, 200)).max()
    assert middle <= 3


def test_emotions_are_drawn_as_often_as_asked() -> None:
    part = part_of(100)
    targets = empty(100, {"emotion": Head("emotion", ("anger", "fear"))})
    targets.emotion[:] = np.where(np.arange(100)[:, None] < 80, (1, 0), (0, 1))
    whole = replace(part, targets=targets, balance=1.0)
    assert np.allclose(whole.weights()[[0, 99]], (0.625, 2.5))  # 100 / 2 / 80, 100 / 2 / 20
    drawn = [row for step in range(40) for _, row in Mixer([whole], 50, (0,)).draw(step)]
    assert 0.45 < np.mean([row >= 80 for row in drawn]) < 0.55
    half = replace(whole, balance=0.5)
    assert half.weights()[99] / half.weights()[0] == pytest.approx(2.0)  # the root of 80 / 20


def test_smoothing_is_spread_over_the_emotions_of_the_dataset() -> None:
    targets = empty(3, {"emotion": Head("emotion", ("anger", "fear", "contempt"))})
    targets.emotion[:2] = (1, 0, 0), (0, 1, 0)
    found = smoothed(targets, 0.2).emotion
    assert np.allclose(found[:2], [(0.9, 0.1, 0), (0.1, 0.9, 0)])
    assert np.isnan(found[2]).all()


def test_decoding_goes_on_where_it_was_stopped(
    tmp_path: Path, six_people: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_ferplus(tmp_path / "fer", face_crops(six_people, SIX, 48))
    (folder / "FER2013Train" / "fer0000001.png").write_bytes(b"no picture")
    dataset, source = load_faces(folder, "ferplus"), Source("fer", "ferplus", size=48)
    whole = load_pictures(dataset, source, tmp_path / "undisturbed")
    monkeypatch.setattr(stored_module, "_FLUSH", 4)

    def stop(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_pictures(dataset, source, tmp_path / "cache", stop)
    (lines,) = (tmp_path / "cache").glob("*.lines")
    lines.write_text(lines.read_text()[:-3])  # as if the power had gone while the last line was written
    seen: list[int] = []
    found = load_pictures(dataset, source, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen == list(range(10, 37))  # the tenth again, the nine before it not
    assert found.skipped == whole.skipped
    assert len(found.images) == len(whole.images) == 35
    assert all(np.array_equal(found.images[row], whole.images[row]) for row in range(35))
    assert not list((tmp_path / "cache").glob("*.part"))


def test_two_do_not_decode_into_one_file(tmp_path: Path, six_people: Image) -> None:
    folder = write_ferplus(tmp_path / "fer", face_crops(six_people, SIX, 48))
    dataset, source = load_faces(folder, "ferplus"), Source("fer", "ferplus", size=48)
    refused: list[bool] = []

    def another(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(OutputError, match="another fervid is making it"):
                load_pictures(dataset, source, tmp_path / "cache")
            refused.append(True)

    load_pictures(dataset, source, tmp_path / "cache", another)
    assert refused


def test_sources_are_prepared_together(tmp_path: Path, six_people: Image) -> None:
    crops = face_crops(six_people, SIX, 64)
    fer, utk = write_ferplus(tmp_path / "fer", crops), write_utkface(tmp_path / "utk", crops)
    recipe = recipe_for(
        heads=[{"task": "emotion"}, {"task": "age"}],
        sources=[
            {"name": "fer", "layout": "ferplus", "size": 48},
            {"name": "utk", "layout": "utkface", "size": 48, "validation": 0.3, "ratio": 2},
        ],
    )
    found = prepare(recipe, {"fer": fer, "utk": utk}, tmp_path / "cache")
    assert [len(part.rows) for part in found.train] == [30, 24]
    assert [len(part.rows) for part in found.val] == [6, 12]
    assert found.train[0].targets.known("emotion").all()
    assert not found.train[1].targets.known("emotion").any()
    ages = found.train[1].targets.age
    samples = found.train[1].pictures.dataset.samples
    assert [samples[row].age for row in found.train[1].rows] == ages.tolist()


def test_figures_worked_by_hand() -> None:
    targets = empty(4, {"emotion": Head("emotion", ("a", "b"))})
    targets.emotion[:3] = [[1, 0], [1, 0], [0.4, 0.6]]
    targets.scored[1] = False
    targets.age[:2] = [10, 30]
    targets.gender[1:] = [0, 1, 1]
    targets.valence_arousal[:3] = [[0, 1], [1, 0], [-1, -1]]
    said = {
        "emotion": np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [1, 0]], np.float32),
        "age": np.eye(101, dtype=np.float32)[[12, 20, 0, 0]],
        "gender": np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32),
        "valence_arousal": targets.valence_arousal,
        "features": np.ones((4, 3), np.float32),
    }
    found = figures(said, targets)
    assert found["emotion.accuracy"] == 1.0  # of the scored ones
    assert found["emotion.recall"] == 0.75  # a: one of two, b: one of one
    assert found["age.mae"] == 6.0
    assert found["gender.accuracy"] == pytest.approx(2 / 3)
    assert found["valence_arousal.ccc"] == pytest.approx(1.0)
    assert score({"emotion.accuracy": 1.0, "emotion.recall": 0.5, "age.mae": 5.0}) == pytest.approx((0.75 + 0.75) / 2)
    half = np.zeros((1, 101), np.float32)
    half[0, [20, 30]] = 0.5
    assert expected_age(half).tolist() == [25.0]


def test_verification() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat([f"p{i}" for i in range(8)], 5)
    centres = np.repeat(rng.standard_normal((8, 16)), 5, axis=0)
    told = verification_auc((centres + 0.1 * rng.standard_normal((40, 16))).astype(np.float32), people)
    guessed = verification_auc(rng.standard_normal((40, 16)).astype(np.float32), people)
    assert told is not None
    assert told > 0.99
    assert guessed is not None
    assert 0.35 < guessed < 0.65
    assert verification_auc(np.ones((3, 2), np.float32), np.array(["a", "b", "c"])) is None


def test_only_some_labels_of_a_source(tmp_path: Path, six_people: Image) -> None:
    utk = load_faces(write_utkface(tmp_path / "utk", face_crops(six_people, SIX, 48)), "utkface")
    heads = recipe_for(heads=[{"task": "age"}, {"task": "gender"}]).heads
    targets = targets_of(utk, heads, only=("age",))
    assert targets.known("age").all()
    assert not targets.known("gender").any()


def test_calibration_worked_by_hand() -> None:
    said = np.array([[0.95, 0.05], [0.85, 0.15], [0.28, 0.72], [0.27, 0.73]], np.float32)
    truth = np.array([0, 1, 1, 1])
    first, second, third = reliability(said, truth, 10)  # 0.7 to 0.8: two, right; 0.8 to 0.9: wrong; 0.9 to 1: right
    assert (first.n, second.n, third.n) == (2, 1, 1)
    assert first.confidence == pytest.approx(0.725)
    assert (first.accuracy, second.accuracy, third.accuracy) == (1, 0, 1)
    assert calibration_error(said, truth, 10) == pytest.approx((2 * 0.275 + 0.85 + 0.05) / 4)


def test_the_temperature_makes_confidence_as_right_as_it_is() -> None:
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 4)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in shares])
    sure = tempered(shares.astype(np.float32), 0.5)  # twice as sure as it should be
    assert sure.argmax(1).tolist() == shares.argmax(1).tolist()
    assert calibration_error(sure, truth) > 0.08
    temperature = fit_temperature([(sure, truth)])
    assert temperature == pytest.approx(2.0, rel=0.08)
    assert calibration_error(tempered(sure, temperature), truth) < 0.02
    assert fit_temperature([]) == 1.0
