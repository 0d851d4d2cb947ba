"""Puts every change of models, downloads and jobs, and the gauges, into the ring that readers of `GET /v1/events` follow.

Events hold whole states, so that a reader may see one twice without harm. Models are compared after every step of the control
loop, jobs when their store reports a change; several changes within a moment become one event.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NoReturn

from pydantic import BaseModel

from modelyard.control.deployments import Deployments
from modelyard.control.downloads import KIND as DOWNLOAD
from modelyard.control.downloads import Downloads
from modelyard.control.journal import Journal
from modelyard.control.views import ModelView
from modelyard.core.aliases import Aliases
from modelyard.core.errors import JobNotFound, NotFound
from modelyard.core.event_ring import EventRing
from modelyard.core.traffic import Traffic
from modelyard.db.session import TROUBLE
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import Job
from modelyard.monitor.service import Monitor
from modelyard.protocol.models import LaunchProgress, ModelEvent
from modelyard.protocol.server_events import ModelHappening, ModelProgress, ModelReplicas, RemovedName
from modelyard.runtime.base import Host
from modelyard.web.gauges import GaugeMeter
from modelyard.web.views import download_info, job_info, launch_progress, models, replica_infos

log = logging.getLogger(__name__)

GAUGE_SECONDS = 2.0
"""Seconds between two events with gauges, while somebody reads."""
JOB_PAUSE = 0.2
"""Seconds between two events of one job, at least."""
UNREAD_PAUSE = 2.0
"""The same while nobody reads: a view of a job of documents takes five queries."""


class EventFeed:
    """Owns the ring. Everything is on one event loop."""

    def __init__(
        self,
        deployments: Deployments,
        aliases: Aliases,
        jobs: Jobs,
        downloads: Downloads,
        journal: Journal,
        traffic: Traffic,
        host: Host,
        monitor: Monitor,
    ) -> None:
        self.ring = EventRing()
        self.gauges = GaugeMeter(deployments, traffic, host, monitor)
        self._deployments = deployments
        self._aliases = aliases
        self._jobs = jobs
        self._downloads = downloads
        self._traffic = traffic
        self._views: dict[str, ModelView] = {}
        self._names: set[str] = set()
        """Names of models, adapters and aliases that were published and are not gone."""
        self._published: dict[tuple[str, str], bytes] = {}
        """Type and name → the last body, of what still changes."""
        self._worked: set[str] = set()
        """Unfinished jobs that workers of packages run."""
        self._worked_at = time.time()
        """When they were looked at."""
        self._look_at_worked = False
        self._changed_jobs: set[str] = set()
        self._jobs_changed = asyncio.Event()
        deployments.on_event = self.happened
        journal.on_event = self.happened
        jobs.store.on_change = self._job_changed
        jobs.store.on_removed = self._job_removed
        jobs.store.on_worked = self._worked_changed

    async def run(self) -> None:
        """Publish changes until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deployments.after_steps(self._look_at_models))
            group.create_task(self._look_at_jobs())
            group.create_task(self._measure())

    def happened(self, uid: str, kind: str, content: str) -> None:
        """Publish a line of a model's history."""
        event = ModelEvent(event_type=kind, event_ts=int(time.time()), event_content=content)
        self._publish("model_events", "model_event", ModelHappening(model_uid=uid, event=event), model=uid)

    def replicas(self, view: ModelView) -> ModelReplicas:
        """The replicas of a model."""
        return ModelReplicas(model_uid=view.desired.uid, replicas=replica_infos(view, self._traffic))

    def _publish(
        self, topic: str, type: str, data: BaseModel, model: str | None = None, owner: str | None = None
    ) -> None:
        self.ring.publish(topic, type, data.model_dump_json().encode(), model=model, owner=owner)

    def _update(
        self, topic: str, type: str, name: str, data: BaseModel, model: str | None = None, owner: str | None = None
    ) -> None:
        """Publish the state of something if it differs from the last one."""
        body = data.model_dump_json().encode()
        if self._published.get((type, name)) != body:
            self._published[type, name] = body
            self.ring.publish(topic, type, body, model=model, owner=owner)

    def _look_at_models(self) -> None:
        views = {view.desired.uid: view for view in self._deployments.views()}
        before, self._views = self._views, views
        if views == before:
            return
        names = set()
        for info in [info for view in views.values() for info in models(view, self._aliases)]:
            names.add(info.id)
            self._update("models", "model", info.id, info, model=info.id)
        for uid, view in views.items():
            if view != before.get(uid):
                self._replicas_changed(uid, self.replicas(view), launch_progress(view))
        for uid in before.keys() - views.keys():
            self._replicas_changed(uid, ModelReplicas(model_uid=uid, replicas=[]), launch_progress(None))
            for type in ("replicas", "progress"):
                self._published.pop((type, uid), None)
        for name in sorted(self._names - names):
            self._published.pop(("model", name), None)
            self._publish("models", "model_removed", RemovedName(id=name), model=name)
        self._names = names

    def _replicas_changed(self, uid: str, replicas: ModelReplicas, progress: LaunchProgress) -> None:
        self._update("replicas", "replicas", uid, replicas, model=uid)
        self._update("progress", "progress", uid, ModelProgress(model_uid=uid, progress=progress), model=uid)

    def _job_changed(self, job: str) -> None:
        self._changed_jobs.add(job)
        self._jobs_changed.set()

    def _job_removed(self, job: Job) -> None:
        self._published.pop(("job", job.id), None)
        self._publish("jobs", "job_removed", RemovedName(id=job.id), owner=job.owner)
        if job.kind == DOWNLOAD:
            self._download_removed(job.id)

    def _worked_changed(self) -> None:
        self._look_at_worked = True
        self._jobs_changed.set()

    async def _look_at_jobs(self) -> NoReturn:
        while True:
            await self._jobs_changed.wait()
            self._jobs_changed.clear()
            changed, self._changed_jobs = self._changed_jobs, set()
            look_at_worked, self._look_at_worked = self._look_at_worked, False
            try:
                if look_at_worked:
                    began = time.time()
                    unfinished, ended = await self._jobs.worked(self._worked_at)
                    changed |= unfinished | ended | self._worked  # a job may begin and end between two looks
                    self._worked, self._worked_at = unfinished, began
                for name in sorted(changed):
                    await self._look_at_job(name)
            except TROUBLE as error:
                log.warning("changes of jobs are published later: %s", error.message)
                self._changed_jobs |= changed
                self._look_at_worked |= look_at_worked
                self._jobs_changed.set()
            await asyncio.sleep(JOB_PAUSE if self.ring.readers else UNREAD_PAUSE)

    async def _look_at_job(self, name: str) -> None:
        try:
            job = await self._jobs.get(name)
        except JobNotFound:  # it was deleted meanwhile, which was published
            return
        self._update("jobs", "job", name, job_info(job, self._jobs), owner=job.owner)
        if job.kind == DOWNLOAD:
            self._look_at_download(name)
        if job.finished:
            self._published.pop(("job", name), None)

    def _look_at_download(self, name: str) -> None:
        try:
            view = self._downloads.view(name)
        except NotFound:
            self._download_removed(name)
            return
        self._update("downloads", "download", name, download_info(view))

    def _download_removed(self, name: str) -> None:
        if self._published.pop(("download", name), None) is not None:
            self._publish("downloads", "download_removed", RemovedName(id=name))

    async def _measure(self) -> NoReturn:
        """While somebody reads, publish gauges, and look at downloads, whose progress is that of their files."""
        while True:
            await asyncio.sleep(GAUGE_SECONDS)
            if not self.ring.readers:
                continue
            self._publish("gauges", "gauges", await self.gauges.measure(self.ring.readers))
            for view in self._downloads.views():
                if not view.job.finished:
                    self._job_changed(view.job.id)
            self._look_at_models()
