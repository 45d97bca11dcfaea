"""Ask the registry whether a known fault touches a version that the locks pin.

A registry without advisories can't be asked: that is said, and no failure, since a mirror
inside a company often has none. A fault that is known fails.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def main() -> int:
    found = [one for lock in LOCKS for one in _ask(lock)]
    faulty = [one for one in found if one.get("vulns")]
    for one in faulty:
        names = ", ".join(fault["id"] for fault in one["vulns"])
        print(f"{one['name']} {one['version']}: {names}", file=sys.stderr)
    asked = [one for one in found if "skip_reason" not in one]
    if not asked:
        print("advisories: this registry has none to ask, so nothing was compared")
    else:
        print(f"advisories: {len(faulty)} known faults in {len(asked)} pinned packages")
    return 1 if faulty else 0


def _ask(lock: str) -> list[dict[str, Any]]:
    """What is known of each package of a lock; nothing where nobody answers."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [*command, "--disable-pip", "--require-hashes", "--requirement", str(ROOT / lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout.strip():
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"advisories: {lock} could not be asked about ({reason})")
        return []
    told: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    return told


if __name__ == "__main__":
    sys.exit(main())
