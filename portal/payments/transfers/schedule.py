"""When a transfer that has not come is recalled, and when it is given up. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.regions.catalogue import Mode


@dataclass(frozen=True, slots=True)
class ReminderSchedule:
    """The rules of one mode: days after the beginning, rising, and the last of all."""

    reminder_days: tuple[int, ...]
    expires_days: int

    @classmethod
    def of(cls, mode: Mode) -> "ReminderSchedule":
        return cls(mode.reminder_days, mode.expires_days)

    def expires_at(self, begun_at: datetime) -> datetime:
        return begun_at + timedelta(days=self.expires_days)

    def due_reminders(self, begun_at: datetime, now: datetime) -> int:
        """How many reminders should have gone out by now."""
        return sum(begun_at + timedelta(days=days) <= now for days in self.reminder_days)

    def next_look(self, begun_at: datetime, reminded: int, expires_at: datetime) -> datetime:
        """When something is to be done next: the reminder after `reminded`, or giving up."""
        if reminded < len(self.reminder_days):
            return min(begun_at + timedelta(days=self.reminder_days[reminded]), expires_at)
        return expires_at
