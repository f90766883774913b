"""Says in words why one contract cannot become another in place."""

from __future__ import annotations

from headrace.contract import Column, TableContract


def shape_change(old: TableContract, new: TableContract) -> str:
    """What differs between two shapes of a table, for people."""
    found: list[str] = []
    if old.served_name != new.served_name:
        found.append(f"served as {new.served_name}, was {old.served_name}")
    if old.key != new.key:
        found.append(f"key ({', '.join(old.key)}) -> ({', '.join(new.key)})")
    if old.partitions != new.partitions:
        found.append(f"partitions {old.partitions} -> {new.partitions}")
    found += _column_changes(old, new)
    return "; ".join(found) or "its columns were reordered"


def _column_changes(old: TableContract, new: TableContract) -> list[str]:
    before = {c.name: c for c in old.columns}
    after = {c.name: c for c in new.columns}
    found = [f"column {name} added" for name in after if name not in before]
    found += [f"column {name} removed" for name in before if name not in after]
    for name in before.keys() & after.keys():
        found += _one_column(before[name], after[name])
    return sorted(found)


def _one_column(old: Column, new: Column) -> list[str]:
    found: list[str] = []
    if (old.pg_type, old.conversion) != (new.pg_type, new.conversion):
        found.append(f"column {old.name} {old.pg_type} -> {new.pg_type}")
    if old.nullable != new.nullable:
        found.append(f"column {old.name} {'can' if new.nullable else 'can no longer'} be NULL")
    if old.mask != new.mask:
        found.append(f"column {old.name} masked: {old.mask or 'no'} -> {new.mask or 'no'}")
    return found
