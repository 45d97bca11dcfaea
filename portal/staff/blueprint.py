"""The staff's rooms, put together."""

from flask import Flask

from portal.staff import dashboard, sign_in  # noqa: F401 - as below
from portal.staff.access import staff
from portal.staff.codes import (  # noqa: F401 - as below
    bulk_views,
    code_views,
    edit_views,
    people_views,
    pledge_views,
    pot_views,
    scope_views,
)
from portal.staff.codes import views as _codes  # noqa: F401 - as above
from portal.staff.gifts import (  # noqa: F401 - a room that is imported has its pages
    contact_views,
    gift_aid_views,
    merge_views,
    money_views,
    number_views,
    receipt_views,
    views,
)
from portal.staff.labels import format_moment, show_status, show_time
from portal.staff.receipts import bounce_views, run_views  # noqa: F401 - as above
from portal.staff.receipts import views as _receipts  # noqa: F401 - as above
from portal.staff.regions import desk_views, history_views  # noqa: F401 - as above
from portal.staff.regions import views as _regions  # noqa: F401 - as above
from portal.staff.statements import line_views  # noqa: F401 - as above
from portal.staff.statements import views as _statements  # noqa: F401 - as above

__all__ = ["set_up_staff"]


def set_up_staff(app: Flask) -> None:
    """Register the pages under /staff."""
    app.register_blueprint(staff)
    app.add_template_filter(format_moment, "moment")
    app.jinja_env.globals |= {"show_status": show_status, "show_time": show_time}
