"""What operators that land answers tell of their outlets, as Airflow's database has it."""

import json
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors
from airflows import since

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator


class Landed:
    """A Dag run that has landed answers.

    Attributes:
        ran: The run.
        events: The events of assets that it has caused.
    """

    def __init__(self, ran):
        from airflow.models.asset import AssetEvent
        from airflow.utils.session import create_session
        from sqlalchemy import select

        self.ran = ran
        with create_session() as session:
            found = session.scalars(select(AssetEvent).filter_by(source_run_id=ran.run_id).order_by(AssetEvent.id))
            self.events = [
                SimpleNamespace(
                    name=event.asset.name,
                    uri=event.asset.uri,
                    extra=event.extra,
                    partition=getattr(event, "partition_key", None),  # from 3.3 on
                    map_index=event.source_map_index,
                )
                for event in found
            ]

    def manifest(self, map_index=-1):
        return self.ran.xcom("land", map_index=map_index)[0]


@pytest.fixture
def land(run_dag, groq_emulator, quick, tmp_path):
    groq_emulator.set(seconds=2)  # until then, a job defers

    def run(dag_id, **conf):
        ran = run_dag(dag_id, output_path=str(tmp_path / "answers"), **conf)
        assert ran.state == "success", ran.log
        return Landed(ran)

    return run


@since(3, 1, "dag.test() of a task whose asset no Dag has used before")
@pytest.mark.parametrize("way", ["worker", "deferred"])
def test_each_outlet_of_a_job_has_the_manifest_in_its_event(land, run_dag, tmp_path, way):
    """An alias stands for the folder of the answers."""
    assert run_dag("assets_elsewhere").state == "success"  # makes the asset known that is referred to
    landed = land(f"assets_of_a_job_{way}")
    assert ("Deferring until" in landed.ran.log) == (way == "deferred")
    assert [event.extra for event in landed.events] == 4 * [{"manifest": landed.manifest()}]
    folder = f"file://{tmp_path}/answers"
    assert sorted(event.uri for event in landed.events) == ["also_by_it", folder, "landed_by_a_job", "landed_elsewhere"]
    assert {event.partition for event in landed.events} == {None}
    assert [answer.input["city"] for answer in read_answers(landed.events[0].extra["manifest"])] == [
        "Berlin",
        "Lagos",
        "Lima",
    ]


@since(3, 1, "dag.test() of a task whose asset no Dag has used before")
def test_so_has_that_of_a_download(land, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch()
    groq_emulator.advance(100)
    landed = land("assets_of_a_download", batch_id=batch_id)
    assert [event.extra for event in landed.events] == 2 * [{"manifest": landed.manifest()}]
    assert {event.name for event in landed.events} == {"landed_by_a_download", f"file://{tmp_path}/answers"}


@since(3, 1, "dag.test() of a task whose asset no Dag has used before")
def test_each_mapped_instance_has_an_event_of_its_own(land):
    landed = land("assets_of_mapped_tasks")
    found = {event.map_index: event.extra["manifest"] for event in landed.events}
    assert found == {index: landed.manifest(index) for index in (0, 1)}


@since(3, 3, "partitions of assets")
class TestPartitions:
    def test_of_a_job_are_in_the_event_of_each_outlet(self, land):
        landed = land("partitions_of_a_job", day="2026-11-24")
        assert "Deferring until" in landed.ran.log
        found = {event.name: event.partition for event in landed.events}
        assert found == {"days": "2026-11-24", "groq_reviews_answered": "2026-11-24"}
        assert [event.extra for event in landed.events] == 2 * [{"manifest": landed.manifest()}]

    def test_of_its_rows_are_an_event_each(self, land):
        landed = land("partitions_of_rows")
        assert sorted(event.partition for event in landed.events) == ["2026-11-24", "2026-11-25"]
        assert [event.extra for event in landed.events] == 2 * [{"manifest": landed.manifest()}]

    def test_of_mapped_instances_are_each_ones_own(self, land):
        landed = land("partitions_of_mapped_tasks")
        assert {event.map_index: event.partition for event in landed.events} == {0: "2026-11-20", 1: "2026-11-21"}

    def test_of_a_download(self, land, groq_emulator, make_batch):
        batch_id = make_batch()
        groq_emulator.advance(100)
        landed = land("partitions_of_a_download", batch_id=batch_id, day="2026-11-24")
        assert [(event.partition, event.extra["manifest"]) for event in landed.events] == [
            ("2026-11-24", landed.manifest())
        ]


ROWS = [{"custom_id": f"row-{number}", "text": f"thing {number}", "day": f"day-{number % 2}"} for number in range(8)]
OUTLET = Asset("outlet")


@pytest.fixture
def told(job):
    """What each try of a job has told of its outlets."""
    told = []
    context = job.context

    def told_context():
        told.append(OutletEventAccessors())
        return context() | {"outlet_events": told[-1]}

    job.context = told_context
    return told


@since(3, 3, "partitions of assets")
def test_a_retry_after_the_landing_tells_the_same(job, told):
    """The first try was killed before Airflow knew that it had succeeded."""
    options = {"rows": ROWS, "outlets": [OUTLET], "asset_partition_column": "day"}
    manifest = job.run(**options)
    assert job.run(**options) == manifest
    assert len(job.emulator.batches()) == 3
    assert [events[OUTLET].extra for events in told] == 2 * [{"manifest": manifest}]
    assert [events[OUTLET].partition_keys for events in told] == 2 * [{"day-0", "day-1"}]


@since(3, 3, "partitions of assets")
def test_a_job_that_fails_tells_nothing(job, told):
    job.emulator.set(failing_requests={"row-0": 422})
    with pytest.raises(AirflowFailException, match="1 of 8 rows failed"):
        job.run(rows=ROWS, outlets=[OUTLET], asset_partition="a")
    assert not told[0][OUTLET].extra
    assert not told[0][OUTLET].partition_keys


@pytest.mark.parametrize("version", ["3.0.6", "3.1.2"])
def test_an_alias_has_the_folder_in_its_event_where_airflow_takes_nothing_nested(job, told, monkeypatch, version):
    """Airflow uses the extra as a key there, and the task would not end."""
    monkeypatch.setattr("airflow.__version__", version)
    alias = AssetAlias("any")
    job.run(rows=ROWS, outlets=[alias])
    (event,) = told[0][alias].asset_alias_events
    assert frozenset(event.extra.items()) == {("manifest", str(job.output))}
    assert len(list(read_answers(event.extra["manifest"]))) == 8


def test_what_others_have_put_into_the_event_stays(job, told):
    def before(context):
        context["outlet_events"][OUTLET].extra["by"] = "hand"

    operator = job.operator(outlets=[OUTLET], pre_execute=before)
    job._number = 1
    context = job.context()
    before(context)
    manifest = operator.execute(context)
    assert told[0][OUTLET].extra == {"by": "hand", "manifest": manifest}


def test_outlets_that_are_no_assets_are_left_alone(job, told):
    job.run(outlets=["a table", OUTLET])
    assert [asset.name for asset in told[0]] == ["outlet"]


def test_the_manifest_in_the_event_is_plain_json_of_16_kb_at_most(job, told):
    job.run(rows=ROWS, outlets=[OUTLET])
    extra = told[0][OUTLET].extra
    assert json.loads(json.dumps(extra)) == extra
    assert len(json.dumps(extra)) < 16_100


@since(3, 3, "partitions of assets")
class TestNothingIsSent:
    """What is wrong is said before anything is paid."""

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"asset_partition": "None"}, "asset_partition is 'None', which is how Jinja renders a missing value"),
            ({"asset_partition": " "}, "asset_partition is ' ', but the key of a partition must not be empty"),
            ({"asset_partition": "x" * 251}, "a text of 251 characters, but the key of a partition has at most 250"),
            ({"asset_partition": ["a", "b"]}, "but the key of a partition must be a text or a whole number"),
            ({"asset_partition": "a", "outlets": []}, "the task has no asset among its outlets"),
            ({"asset_partition": "a", "outlets": ["table"]}, "the task has no asset among its outlets"),
            ({"asset_partition_column": "day", "outlets": []}, "the task has no asset among its outlets"),
            ({"asset_partition_column": "hour"}, "Row 0 (counted from 0): has no column 'hour'"),
            ({"asset_partition_column": "custom_id"}, "has no column 'custom_id', which asset_partition_column names"),
            ({"outlets": [AssetAlias("any")], "output_path": f"/tmp/{5 * (300 * 'x' + '/')}"}, "cannot be an asset"),  # noqa: S108
        ],
    )
    def test_by_a_job(self, job, told, options, said):
        with pytest.raises(AirflowFailException) as error:
            job.run(**{"rows": ROWS, "outlets": [OUTLET]} | options)
        assert said in str(error.value)
        assert not job.emulator.batches()
        assert not told[0]

    def test_where_the_partition_of_a_row_far_down_is_none(self, job, told):
        rows = [*ROWS, {"text": "a thing", "day": None}]
        with pytest.raises(AirflowFailException, match="Row 8 .*column 'day' is None, but the key of a partition must"):
            job.run(rows=rows, outlets=[OUTLET], asset_partition_column="day")
        assert not job.emulator.batches()
        assert not told[0]

    def test_by_a_download(self, context, groq_emulator, make_batch, tmp_path):
        batch_id = make_batch()
        groq_emulator.advance(100)
        operator = GroqDownloadBatchResultsOperator(
            task_id="create",
            batch_id=batch_id,
            output_path=str(tmp_path / "new"),
            asset_partition="None",
            outlets=OUTLET,
        )
        with pytest.raises(AirflowFailException, match="asset_partition is 'None'"):
            operator.execute(context)
        assert not (tmp_path / "new").exists()

    def test_where_the_column_was_changed_after_the_landing_nothing_is_paid_again(self, job, told):
        job.run(rows=ROWS, outlets=[OUTLET])
        with pytest.raises(AirflowFailException, match="Was asset_partition_column changed .* Clear the task"):
            job.run(rows=ROWS, outlets=[OUTLET], asset_partition_column="hour")
        job.clear()
        job.run(rows=ROWS, outlets=[OUTLET], asset_partition_column="day")
        assert told[-1][OUTLET].partition_keys == {"day-0", "day-1"}
        assert len(job.emulator.batches()) == 3


def made(kind, **options):
    if kind is GroqDownloadBatchResultsOperator:
        return kind(task_id="land", batch_id="batch_1", output_path="answers", **options)
    return kind(task_id="land", rows=[], model="m", output_path="answers", **options)


@pytest.mark.parametrize("kind", [GroqBatchInferenceOperator, GroqDownloadBatchResultsOperator])
def test_below_airflow_3_3_a_partition_is_refused_while_the_dag_is_parsed(kind, monkeypatch):
    monkeypatch.delattr(OutletEventAccessor, "add_partitions", raising=False)
    with pytest.raises(GroqInputError, match="asset_partition needs Airflow 3.3 or later"):
        made(kind, asset_partition="{{ ds }}", outlets=[OUTLET])
    made(kind, outlets=[OUTLET])


@since(3, 3, "partitions of assets")
class TestADagFile:
    """What is wrong on sight is refused while the Dag is parsed."""

    @pytest.mark.parametrize("kind", [GroqBatchInferenceOperator, GroqDownloadBatchResultsOperator])
    def test_with_a_partition_on_an_alias(self, kind):
        with pytest.raises(GroqInputError, match="no partition on the events of an AssetAlias, such as 'any'"):
            made(kind, asset_partition="{{ ds }}", outlets=[OUTLET, AssetAlias("any")])

    def test_with_two_partitions(self):
        with pytest.raises(GroqInputError, match="At most one of asset_partition and asset_partition_column"):
            made(GroqBatchInferenceOperator, asset_partition="a", asset_partition_column="b", outlets=[OUTLET])

    @pytest.mark.parametrize("column", ["", 7, ["day"]])
    def test_with_a_column_that_is_none(self, column):
        with pytest.raises(GroqInputError, match="must be the name of a column"):
            made(GroqBatchInferenceOperator, asset_partition_column=column, outlets=[OUTLET])

    def test_may_add_its_outlets_later(self):
        operator = made(GroqBatchInferenceOperator, asset_partition="{{ ds }}")
        operator.add_outlets([OUTLET])
        assert operator.asset_partition == "{{ ds }}"
