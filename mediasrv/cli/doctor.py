"""`mediasrv doctor`: is this machine fit to serve, and what would make it fitter?"""

from __future__ import annotations

import os
from pathlib import Path

import click

from mediasrv.cli.checks import examine
from mediasrv.cli.output import print_json, print_table
from mediasrv.config import CONFIG_FILE_VARIABLE, load


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), envvar=CONFIG_FILE_VARIABLE, help="TOML file of settings."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def doctor(context: click.Context, config: Path | None, as_json: bool) -> None:
    """Is this machine fit to serve, and what would help?

    Looks at the build, the machine, ports and optional parts; status 1 when something needed is bad.
    """
    findings = examine(load(config, os.environ))
    fit = all(finding.status != "bad" for finding in findings)
    if as_json:
        print_json({"fit": fit, "findings": findings})
    else:
        rows = [(one.status, one.check, one.found, one.advice) for one in findings]
        print_table(("", "check", "found", "what to do"), rows)
        click.echo("\nFit to serve." if fit else "\nNot fit to serve yet: see what is bad.")
    context.exit(0 if fit else 1)
