"""Jobs and the processes behind them: adopted, waiting, stopped from every side, crashed."""

import json
import os
import signal

import pytest

from pipeline import (
    BUCKET, ENDLESS, IMAGE, LONG, ROLE, check_history, pid_of, processes, start, task, training_job, until,
)


def none_left(server):
    until(lambda: processes(server.data), lambda found: not found, 20)


def wait_for_task(name, **more):
    return task("sagemaker:createTrainingJob.sync", training_job(name, ENDLESS), **more)


def test_a_job_outlives_sigterm_and_the_next_waits_its_turn(own_server):
    clients = start(own_server)
    clients.train("first", ENDLESS)
    clients.job_until("first", "Training")
    clients.train("second")
    supervisor, worker = pid_of(own_server, "run-job"), pid_of(own_server, "run-worker")
    own_server.stop()
    assert processes(own_server.data) == {supervisor: "run-job", worker: "run-worker"}
    own_server.start()
    # The same process, found again; the second job still has no place.
    assert processes(own_server.data) == {supervisor: "run-job", worker: "run-worker"}
    assert clients.job("first")["SecondaryStatus"] == "Training"
    assert clients.job("second")["SecondaryStatus"] == "Starting"
    # A job that waits can be stopped too.
    clients.train("third")
    clients.sagemaker.stop_training_job(TrainingJobName="third")
    third = clients.job_until("third", "Stopped")
    assert third["SecondaryStatus"] == "Stopped" and "TrainingStartTime" not in third

    # Stopped, it keeps the model it had come to; its end is told once more in the log's stead.
    clients.sagemaker.stop_training_job(TrainingJobName="first")
    first = clients.job_until("first", "Stopped", "Completed", "Failed")
    assert (first["TrainingJobStatus"], first["SecondaryStatus"]) == ("Stopped", "Stopped")
    key = first["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3]
    assert clients.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0
    with pytest.raises(clients.sagemaker.exceptions.ClientError, match="in status Stopped"):
        clients.sagemaker.stop_training_job(TrainingJobName="first")
    assert clients.job_until("second", "Completed", "Failed")["TrainingJobStatus"] == "Completed"
    none_left(own_server)


def test_a_stop_that_was_acknowledged_survives_a_kill(own_server):
    clients = start(own_server)
    for name in ("now", "later"):
        clients.train(name, ENDLESS)
    # As early as can be: the process may not even have said who it is.
    clients.job_until("now", "Training")
    clients.sagemaker.stop_training_job(TrainingJobName="now")
    clients.sagemaker.stop_training_job(TrainingJobName="later")
    own_server.kill()
    own_server.start()
    assert clients.job_until("now", "Stopped", "Completed")["TrainingJobStatus"] == "Stopped"
    assert clients.job_until("later", "Stopped", "Completed")["TrainingJobStatus"] == "Stopped"
    none_left(own_server)


def test_a_jobs_time_is_up(own_server):
    clients = start(own_server)
    clients.train("long", ENDLESS, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = clients.job_until("long", "Stopped", "Completed", "Failed")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["SecondaryStatusTransitions"][-1]["Status"] == "MaxRuntimeExceeded"
    assert 1 <= job["TrainingTimeInSeconds"] < 20
    none_left(own_server)


def test_whoever_ends_the_task_ends_its_job(own_server):
    """StopExecution, the state's TimeoutSeconds, a sibling branch that failed: four jobs side by side."""
    clients = start(own_server, "--jobs", "4")

    def one(state, name="T"):
        return {"StartAt": name, "States": {name: state}}

    stopped = clients.run("stopped", one(wait_for_task("stopped")))
    timed_out = clients.run("timed-out", one(wait_for_task("timed-out", TimeoutSeconds=2, End=True)))
    sibling = clients.run("sibling", one({"Type": "Parallel", "End": True, "Branches": [
        one(wait_for_task("sibling"), "Branch"),
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "Next": "F"}, "F": {"Type": "Fail", "Error": "Sibling"}}},
    ]}))
    not_awaited = clients.run("not-awaited", one(task("sagemaker:createTrainingJob", training_job("not-awaited", ENDLESS))))
    # Without `.sync` the state does not wait, and the job is nobody's.
    assert clients.ended(not_awaited)["status"] == "SUCCEEDED"
    for name in ("stopped", "not-awaited"):
        clients.job_until(name, "Training")
    clients.states.stop_execution(executionArn=stopped, error="Enough", cause="by hand")
    # The word given, the server dies: the job ends all the same.
    own_server.kill()
    own_server.start()
    assert clients.job_until("stopped", "Stopped", "Completed")["TrainingJobStatus"] == "Stopped"
    description = clients.ended(stopped)
    assert (description["status"], description["error"], description["cause"]) == ("ABORTED", "Enough", "by hand")
    description = clients.ended(timed_out)
    assert (description["status"], description["error"]) == ("FAILED", "States.Timeout"), description
    assert clients.job_until("timed-out", "Stopped", "Completed")["TrainingJobStatus"] == "Stopped"
    description = clients.ended(sibling)
    assert (description["status"], description["error"]) == ("FAILED", "Sibling")
    assert clients.job_until("sibling", "Stopped", "Completed")["TrainingJobStatus"] == "Stopped"
    assert clients.job("not-awaited")["TrainingJobStatus"] == "InProgress"
    clients.sagemaker.stop_training_job(TrainingJobName="not-awaited")
    none_left(own_server)


def test_a_transform_is_found_again_and_stopped(own_server):
    clients = start(own_server)
    clients.sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": IMAGE, "ModelDataUrl": clients.trained()})
    clients.s3.put_object(Bucket=BUCKET, Key="rows.csv", Body=b"1,2,3,4\n" * 600_000)
    job = {
        "TransformJobName": "t", "ModelName": "m", "BatchStrategy": "SingleRecord",
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows.csv"}}},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"},
    }
    execution = clients.run("t", {"StartAt": "T", "States": {"T": task("sagemaker:createTransformJob.sync", job)}})
    worker = pid_of(own_server, "run-worker")
    own_server.kill()
    own_server.start()
    assert worker in processes(own_server.data)
    clients.states.stop_execution(executionArn=execution)
    described = until(lambda: clients.sagemaker.describe_transform_job(TransformJobName="t"),
                      lambda job: job["TransformJobStatus"] not in ("InProgress", "Stopping"))
    assert described["TransformJobStatus"] == "Stopped"
    assert not clients.s3.list_objects_v2(Bucket=BUCKET, Prefix="out/")["KeyCount"]
    none_left(own_server)


def test_a_stopped_job_fails_the_task_that_awaits_it(own_server):
    clients = start(own_server)
    execution = clients.run("stopped", {"StartAt": "T", "States": {"T": wait_for_task("awaited")}})
    clients.job_until("awaited", "Training")
    clients.sagemaker.stop_training_job(TrainingJobName="awaited")
    description = clients.ended(execution)
    assert (description["status"], description["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(description["cause"])
    assert (cause["TrainingJobName"], cause["TrainingJobStatus"]) == ("awaited", "Stopped")


def test_a_worker_that_crashes_fails_its_job(own_server):
    clients = start(own_server)
    for name, ended_by in (("killed", signal.SIGKILL), ("crashed", signal.SIGABRT)):
        clients.train(name, ENDLESS)
        os.kill(pid_of(own_server, "run-worker"), ended_by)
        job = clients.job_until(name, "Completed", "Failed")
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"] == (
            f"AlgorithmError: the process was ended by signal {int(ended_by)}, exit code: {128 + ended_by}"
        )
        none_left(own_server)
    clients.trained("after")


def test_a_job_whose_supervisor_is_killed_begins_again(own_server):
    clients = start(own_server)
    clients.train("unwatched", LONG)
    worker = pid_of(own_server, "run-worker")
    os.kill(pid_of(own_server, "run-job"), signal.SIGKILL)
    # The old worker does not write beside the new one.
    until(lambda: processes(own_server.data), lambda found: worker not in found)
    assert clients.job_until("unwatched", "Completed", "Failed")["TrainingJobStatus"] == "Completed"
    # Again and again it cannot be: then the job says so.
    clients.train("hopeless", ENDLESS)
    killed = set()
    for _ in range(3):
        # A killed process is still listed for a moment: the next one is meant.
        supervisor = until(lambda: pid_of(own_server, "run-job"), lambda pid: pid not in killed)
        os.kill(supervisor, signal.SIGKILL)
        killed.add(supervisor)
    job = clients.job_until("hopeless", "Completed", "Failed")
    assert "internal error" in job["FailureReason"]
    none_left(own_server)


def test_the_task_is_answered_though_everything_was_killed(own_server):
    """Server, supervisor and worker at once: the machine went down."""
    clients = start(own_server)
    execution = clients.run("down", {"StartAt": "T", "States": {
        "T": task("sagemaker:createTrainingJob.sync", training_job("down", LONG))}})
    clients.job_until("down", "Training")
    pids = [pid_of(own_server, "run-job"), pid_of(own_server, "run-worker")]
    own_server.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    own_server.start()
    assert clients.ended(execution)["status"] == "SUCCEEDED"
    check_history(clients.history(execution), submitted=1)
    assert clients.job("down")["TrainingJobStatus"] == "Completed"
