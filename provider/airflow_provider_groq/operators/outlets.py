"""What a task that lands answers reports for its outlets: its manifest, and which partitions it has landed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk.definitions.asset import Asset, AssetAlias, AssetRef

from airflow_provider_groq.assets import folder_asset
from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.batches.partitions import PartitionProblem, partition_key
from airflow_provider_groq.batches.rendered import NOTHING
from airflow_provider_groq.compat import has_partitions, takes_nested_extra_by_alias
from airflow_provider_groq.exceptions import GroqInputError

if TYPE_CHECKING:
    from airflow.sdk import Context


class Landing(Protocol):
    """An operator that lands answers."""

    outlets: list[Any]
    asset_partition: Any
    asset_partition_column: str | None


def check_arguments(operator: Landing) -> None:
    """Check what can be checked when the Dag is parsed; outlets may still be added after that.

    Raises:
        GroqInputError: An argument is wrong, or this Airflow has no partitions.
    """
    given = [name for name in ("asset_partition", "asset_partition_column") if getattr(operator, name) is not None]
    if len(given) == 2:  # noqa: PLR2004 - both
        raise GroqInputError("At most one of asset_partition and asset_partition_column may be given, but both were.")
    if not given:
        return
    if not has_partitions():
        raise GroqInputError(
            f"{given[0]} needs Airflow 3.3 or later: before 3.3, a task cannot name an asset's partition. Remove "
            "it, or upgrade."
        )
    column = operator.asset_partition_column
    if column is not None and (not isinstance(column, str) or not column):
        raise GroqInputError(f"asset_partition_column is {shown(column)}, but must be the name of a column.")
    _check_no_alias(operator, given[0])


def check(operator: Landing, folder: Any) -> None:
    """Check the rest when the task runs, before anything is paid.

    Args:
        operator: Its arguments are rendered.
        folder: Where the answers are landed.

    Raises:
        GroqInputError: There is nothing to put a partition on, its key is none, or the folder can be no asset.
    """
    if any(isinstance(outlet, AssetAlias) for outlet in operator.outlets):
        try:
            folder_asset(folder)
        except ValueError as error:
            raise GroqInputError(
                f"output_path {folder} cannot be an asset, which the AssetAlias needs: {error}"
            ) from None
    partitions_of(operator)
    for name in ("asset_partition", "asset_partition_column"):
        if getattr(operator, name) is not None:
            _check_no_alias(operator, name)
            if not any(isinstance(outlet, (Asset, AssetRef)) for outlet in operator.outlets):
                raise GroqInputError(
                    f"{name} is given, but the task has no asset among its outlets: outlets=[Asset(…)]."
                )


def partitions_of(operator: Landing) -> list[str]:
    """The partition that ``asset_partition`` names, if there is one.

    Raises:
        GroqInputError: It is none.
    """
    if operator.asset_partition is None:
        return []
    try:
        key = partition_key(operator.asset_partition)
    except PartitionProblem as problem:
        raise GroqInputError(f"asset_partition {problem}.") from None
    if key.strip() in NOTHING:
        raise GroqInputError(
            f"asset_partition is {key!r}, which is how Jinja renders a missing value. Set it in this run."
        )
    return [key]


def announce(
    operator: Landing, context: Context, manifest: Mapping[str, Any], folder: Any, *, partitions: Collection[str]
) -> None:
    """Put the manifest into the event of each outlet, which Airflow stores when the task has succeeded.

    Args:
        operator: Whose outlets they are.
        context: Of the running task.
        manifest: What the task returns.
        folder: Where the answers have been landed: the asset of an ``AssetAlias``.
        partitions: The partitions that they are.
    """
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            # Where the manifest does not fit, the folder stands for it: `read_answers` takes either.
            told = dict(manifest) if takes_nested_extra_by_alias() else str(folder)
            context["outlet_events"][outlet].add(folder_asset(folder), extra={"manifest": told})
        elif isinstance(outlet, (Asset, AssetRef)):
            event: Any = context["outlet_events"][outlet]
            event.extra["manifest"] = dict(manifest)
            if partitions:
                event.add_partitions(sorted(partitions))


def _check_no_alias(operator: Landing, name: str) -> None:
    aliases = [outlet.name for outlet in operator.outlets if isinstance(outlet, AssetAlias)]
    if aliases:
        raise GroqInputError(
            f"{name} is given, but Airflow sets no partition on the events of an AssetAlias, such as "
            f"{aliases[0]!r}. Add the Asset itself to outlets."
        )
