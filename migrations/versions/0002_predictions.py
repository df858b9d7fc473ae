"""The view predictions: one line per record, input and output side by side."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Inputs and outputs are unnested in step, since looking up the n-th output for each of n records would read the whole
# array n times. The objects are built only for those who select them.
VIEW = """
CREATE VIEW predictions AS
SELECT
    slices.job_id AS job,
    slices.first + values.ordinal::int - 1 AS record,
    users.username AS "user",
    versions.model,
    versions.number AS version,
    CASE WHEN slices.status = 'succeeded' AND (values.output IS NULL OR json_typeof(values.output) = 'null')
         THEN 'failed' ELSE slices.status END AS status,
    (SELECT json_object_agg(feature ->> 'name', value)
     FROM ROWS FROM (jsonb_array_elements(versions.signature -> 'inputs'), json_array_elements(values.input))
        AS pair (feature, value)) AS input,
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
    op.execute("DROP VIEW predictions")
