"""
JupyterLab as `make start` opens it; found through JUPYTER_CONFIG_PATH.

The JSON files switch jupytext off: it is for the build, and here it would offer to pair notebooks
with Markdown. Markdown opens as a page to read.
"""

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.ip = "127.0.0.1"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.KernelManager.transport_encryption = "auto"  # or ipykernel 7.4 warns in each notebook
c.Application.log_level = "WARN"  # what is left is the address
