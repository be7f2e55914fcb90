#!/usr/bin/env python3
"""Which recorded cases the first milestone must answer: those that use only the operations below, JSONPath,
and neither `Assign` nor a distributed Map. `select_cases.py CASES > selection.txt` writes the list anew."""

import json
import pathlib
import sys

OPERATIONS = {
    "CreateStateMachine", "UpdateStateMachine", "DescribeStateMachine", "DeleteStateMachine", "ListStateMachines",
    "DescribeStateMachineForExecution",
    "StartExecution", "StopExecution", "DescribeExecution", "ListExecutions", "GetExecutionHistory",
    "TagResource", "UntagResource", "ListTagsForResource",
    "ValidateStateMachineDefinition",
}


def selected(cases):
    """The ids of those in a folder of cases, sorted."""
    return sorted(
        case["id"]
        for file in cases.rglob("*.json")
        for case in json.loads(file.read_text())["cases"]
        if chosen(case)
    )


def chosen(case):
    if not case["pure"] or case.get("not_runnable") or "JSONata" in case["query_languages"]:
        return False
    if not {step["call"].partition(".")[2] for step in case["steps"]} <= OPERATIONS:
        return False
    steps = json.dumps(case["steps"])
    return '"Assign"' not in steps and '"DISTRIBUTED"' not in steps


if __name__ == "__main__":
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        sys.exit("usage: select_cases.py FOLDER_OF_CASES")
    print("\n".join(selected(pathlib.Path(sys.argv[1]))))
