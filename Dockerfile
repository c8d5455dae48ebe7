# fervid on a CPU, with its embedded networks, as a user without rights.
#
#     docker build -t fervid .
#     docker run --rm -v "$PWD:/clips" fervid predict clip.mp4
#
# Results that are written to the mounted folder need your own user: docker run --user "$(id -u):$(id -g)" ...
FROM python:3.12-slim

# What OpenCV's wheel expects of the system.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libsm6 libxext6 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY setup.py setup.cfg README.md LICENSE ./
COPY fer_video fer_video
COPY fervid fervid
COPY cli cli
COPY weights weights
COPY examples/astronaut.mp4 examples/

# The README's first command, not editable, so that the sources need not stay.
RUN python3 -m venv /opt/fervid \
    && /opt/fervid/bin/pip install --no-cache-dir . \
    && rm -rf build ./*.egg-info

RUN useradd --create-home fervid
USER fervid
# A build ends with a clip that was read, by that user and without a network.
RUN --network=none /opt/fervid/bin/fervid predict examples/astronaut.mp4

ENV PATH=/opt/fervid/bin:$PATH
WORKDIR /clips
ENTRYPOINT ["fervid"]
