"""Jobs: runs over whole files that are kept, so that one that was killed goes on where it was.

    new_job ──▶ YINGMA_HOME/jobs/<id>/ ──▶ run_job (this process) or start_job (another one) ──▶ output, queue of review

Nothing here computes in the process of the server.
"""

from agent.jobs.folder import Folder, JobSpec, find_job, job_ids, new_job
from agent.jobs.process import cancel_job, retry_failed, start_job
from agent.jobs.run import run_job

__all__ = [
    "Folder",
    "JobSpec",
    "cancel_job",
    "find_job",
    "job_ids",
    "new_job",
    "retry_failed",
    "run_job",
    "start_job",
]
