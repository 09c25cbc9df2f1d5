"""The `dms` client of a frontend's checkout, asked each command of its help: as a user, and as an operator.

Usage: dms.py CHECKOUT URL TOKEN. Says a line on standard error for each command: its exit code, and the command.
"""

import sys
from pathlib import Path

checkout, url, token = sys.argv[1:]
sys.path.insert(0, str(Path(checkout) / "dms-cli" / "src"))

from dms_cli.client import DmsApiClient  # noqa: E402
from dms_cli.config import settings_from_overrides  # noqa: E402
from dms_cli.shell import AdminShell, UserShell  # noqa: E402

USER = """
health
run sync src=/home/gpu1/data dst=/pvs/archive options='--delete --direct'
run sync src=/a dst=/b
run rm path=/home/gpu1/data/tmp
run hotcold path=/pvs/projectA options='--dryrun'
list
list brief
list mine
list service sync
get sync 1
get sync [1-2]
cancel task sync 1
cancel service sync
cancel mine
delete task sync 1
delete service rm
delete mine
""".split("\n")

ADMIN = """
health
list tasks
list tasks brief
list next-id
list service sync tasks
list service sync users
summary service sync
metrics
cancel task 5
cancel task [5-6]
cancel service hotcold
delete task 5
delete task [6-7]
delete service rm
""".split("\n")

settings = settings_from_overrides(frontend_url=url)
with DmsApiClient(settings) as client:
    client.set_operator_token(token)
    user = UserShell(client=client, settings=settings, user_id="alice")
    admin = AdminShell(client=client, settings=settings)
    for shell, commands in [(user, USER), (user, [c for c in USER if c.startswith("run")]), (admin, ADMIN)]:
        for command in filter(None, commands):
            print(shell.execute_command(command), command, file=sys.stderr)
