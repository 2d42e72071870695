"""The pages: Gradio under /ui/, mounted on the API's application, in one process and on one port with it.

app.py mounts them; page_<name>.py builds one tab each; texts.tsv holds every word on them, static/ what Gradio has not.
"""
