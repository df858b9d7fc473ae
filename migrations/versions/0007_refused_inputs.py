"""The view predictions can be read where a record was refused: its missing input made the whole query fail."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# As in 0002, but for the look at what kind of JSON an input is. OR REPLACE keeps who may read it.
VIEW = """
CREATE OR REPLACE VIEW predictions AS
SELECT
    slices.job_id AS job,
    slices.first + values.ordinal::int - 1 AS record,
    users.username AS "user",
    versions.model,
    versions.number AS version,
    CASE WHEN slices.status = 'succeeded' AND (values.output IS NULL OR json_typeof(values.output) = 'null')
         THEN 'failed' ELSE slices.status END AS status,
    CASE WHEN json_typeof(values.input) = 'array' THEN
        (SELECT json_object_agg(feature ->> 'name', value)
         FROM ROWS FROM (jsonb_array_elements(versions.signature -> 'inputs'), json_array_elements(values.input))
            AS pair (feature, value)) END AS input,
    CASE WHEN json_typeof(values.output) = 'array' THEN
        (SELECT json_object_agg(name, value)
         FROM ROWS FROM (jsonb_array_elements_text(versions.signature -> 'outputs'), json_array_elements(values.output))
            AS pair (name, value)) END AS output,
    CASE WHEN slices.errors IS NOT NULL AND (values.output IS NULL OR json_typeof(values.output) = 'null') THEN
        (SELECT problem ->> 'detail' FROM json_array_elements(slices.errors) AS problem
         WHERE (problem ->> 'offset')::int = values.ordinal - 1 LIMIT 1) END AS error,
    slices.created_at,
    slices.started_at,
    slices.finished_at
FROM slices
JOIN users ON users.id = slices.user_id
JOIN versions ON versions.id = slices.version_id
CROSS JOIN LATERAL ROWS FROM (json_array_elements(slices.inputs), json_array_elements(slices.outputs))
    WITH ORDINALITY AS values (input, output, ordinal)
"""


def upgrade() -> None:
    op.execute(VIEW)


def downgrade() -> None:
    """The view stays as it is: the release before reads it just as well."""
