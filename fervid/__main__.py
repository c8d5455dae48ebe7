"""`python -m fervid`, for where the console script is not on the path."""

from fer_video.cli.main import main

main(prog_name="fervid")
