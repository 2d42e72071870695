"""tmp"""

import typer

app = typer.Typer()
