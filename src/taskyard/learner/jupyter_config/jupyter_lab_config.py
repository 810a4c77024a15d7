"""
The settings of JupyterLab under `make start`, which finds them through JUPYTER_CONFIG_PATH.

The JSON files in this folder disable jupytext, which the build needs and which would offer
learners to pair notebooks with Markdown files. They also open Markdown files as rendered pages.
`custom/custom.css` leaves a notebook its room in a narrow window.
"""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.ip = "127.0.0.1"
# The default one saves in threads, and leaves an empty notebook if Ctrl-C is pressed meanwhile.
manager = "jupyter_server.services.contents.largefilemanager.LargeFileManager"
c.ServerApp.contents_manager_class = manager
c.LabApp.custom_css = True
custom = str(Path(__file__).with_name("custom"))  # otherwise ~/.jupyter/custom; no option names it
c.ServerApp.tornado_settings.update({"static_custom_path": [custom]})
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.KernelManager.transport_encryption = "auto"  # otherwise ipykernel 7.4 warns in each notebook
c.Application.log_level = "WARN"  # leaves little more than the address
