"""`pandas` on `s3://` addresses, through s3fs, with nothing but the variables of `stepwell env`."""

import pandas
import pytest
import s3fs
from conftest import ROOT


@pytest.fixture
def files(server):
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("frames")
    yield files
    files.rm("frames", recursive=True)


def test_a_table_comes_back_as_it_was_written(files):
    rentals = pandas.read_csv(ROOT / "examples" / "bikeshare" / "bikeshare.csv")
    rentals.to_csv("s3://frames/bikeshare/rentals.csv", index=False)
    again = pandas.read_csv("s3://frames/bikeshare/rentals.csv")
    pandas.testing.assert_frame_equal(again, rentals)
    assert len(again) == 8645


def test_a_compressed_table_and_a_part_of_one(files):
    table = pandas.DataFrame({"n": range(10_000)})
    table.to_csv("s3://frames/n.csv.gz", index=False)
    pandas.testing.assert_frame_equal(pandas.read_csv("s3://frames/n.csv.gz"), table)
    table.to_csv("s3://frames/n.csv", index=False)
    assert len(pandas.read_csv("s3://frames/n.csv", nrows=7)) == 7


def test_files_and_folders(files):
    with files.open("frames/a/one.txt", "w") as file:
        file.write("one")
    files.pipe("frames/a/two.txt", b"two")
    files.pipe("frames/a", b"a key may be another key's folder")
    assert sorted(files.glob("frames/a/*.txt")) == ["frames/a/one.txt", "frames/a/two.txt"]
    assert sorted(files.find("frames")) == ["frames/a", "frames/a/one.txt", "frames/a/two.txt"]
    assert files.cat("frames/a/two.txt") == b"two" and files.info("frames/a/one.txt")["size"] == 3
    files.mv("frames/a/one.txt", "frames/b/one.txt")
    assert not files.exists("frames/a/one.txt") and files.cat("frames/b/one.txt") == b"one"


def test_a_file_larger_than_a_part(files):
    data = b"0123456789abcdef" * (1024 * 1024)
    with files.open("frames/large", "wb", block_size=5 * 1024 * 1024) as file:
        file.write(data)
    with files.open("frames/large", "rb", block_size=1024 * 1024) as file:
        file.seek(9_999_999)
        assert file.read(33) == data[9_999_999:10_000_032]
    assert files.cat("frames/large") == data


def test_what_is_not_there(files):
    with pytest.raises(FileNotFoundError):
        pandas.read_csv("s3://frames/nowhere.csv")
