"""What several commands take."""

import click

from scoreline.commands.completion import job_ids, model_refs

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
a_job = click.argument("job", shell_complete=job_ids)
raw = click.option(
    "--raw", is_flag=True, help="CSV without apostrophes before what a spreadsheet would run as a formula."
)
model = click.option(
    "--model",
    default="housing",
    show_default=True,
    shell_complete=model_refs,
    help="housing, housing:3 or housing@champion.",
)
