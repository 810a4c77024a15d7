# One file, two images: `runtime` holds what a task needs, `jupyter` holds the course.
# Each instruction that changes often stands below those that change seldom: a layer is built anew
# only when something above it, or in it, is new.

# What the building and the running stages share. A virtual environment names its Python by path,
# so both must find the same one in the same place.
FROM python:3.13-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
# Neither a worker nor a notebook needs root. The numbers are those of the first user of most machines,
# so that files in a mounted folder have the owner who made them.
RUN groupadd --gid 1000 learner && useradd --uid 1000 --gid 1000 --create-home learner
# The official image leaves Python's own library uncompiled (docker-library/python, issue 615), and the
# user above could not keep what a process compiles: without this each worker compiles 240 modules again.
RUN python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

# The tools that build. They stay behind: only /opt/venv is copied out of here.
FROM base AS build
COPY requirements/uv.txt /requirements/
# The cache lies in a mount and not in a layer: fast the next time, and never in an image.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r /requirements/uv.txt
RUN python -m venv --without-pip /opt/venv
ENV UV_LINK_MODE=copy
# The pins alone, and not the whole tree: changing a task does not install Celery again.
COPY requirements/runtime.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/venv/bin/python --require-hashes --compile-bytecode -r /requirements/runtime.txt

# What adds to the environment above; a stage of its own, so that building `runtime` skips it.
FROM build AS build-jupyter
COPY requirements/notebook.txt /requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/venv/bin/python --require-hashes --compile-bytecode -r /requirements/notebook.txt

# The image of every lab: Python, Celery and redis-py. A lab brings its files to /lab.
FROM base AS runtime
LABEL org.opencontainers.image.title="Taskyard runtime" \
      org.opencontainers.image.description="What a task needs: Python, Celery and redis-py" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/venv /opt/venv
RUN install --directory --owner=learner --group=learner /lab
WORKDIR /lab
# By number: a cluster that forbids root can tell from the image alone.
USER 1000:1000
# The list form: the process is number 1 itself, no shell stands between it and SIGTERM.
CMD ["python"]

# The course itself, read and run in JupyterLab.
FROM base AS jupyter
LABEL org.opencontainers.image.title="Taskyard" \
      org.opencontainers.image.description="The course in JupyterLab" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build-jupyter /opt/venv /opt/venv
# The only place that the learner writes to; a volume takes its owner from here.
RUN install --directory --owner=learner --group=learner /course/work \
 && echo /course/src > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/taskyard.pth"
WORKDIR /course
# What changes with every commit comes last. .dockerignore says what the course is.
COPY . .
RUN python -m compileall -q src
USER 1000:1000
EXPOSE 8888
# Copies the notebooks to the desk and becomes JupyterLab. All addresses, or nobody outside of the
# container could reach it; who may, says the port's publishing.
ENTRYPOINT ["python", "-m", "taskyard", "start", "--", "--ServerApp.ip=0.0.0.0", "--no-browser"]
