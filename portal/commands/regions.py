"""`portal regions`: the catalogue as files that an operator edits."""

from pathlib import Path

import click

from portal.regions.files import RegionError, RegionFile, read_region_files
from portal.settings import load_settings

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def regions() -> None:
    """Regions as files: issuers, funds, amounts, limits and modes of payment.

    \b
    Example, from the sample to a region of one's own:
      portal regions export ./regions ca --own
      portal regions check ./regions
      portal regions import ./regions
    """


@regions.command("list")
def show() -> None:
    """Say which regions there are, and whether they are samples.

    \b
    Example:
      portal regions list
    """
    from portal.commands.installation import make_services

    catalogue = make_services(load_settings()).catalogue
    if not catalogue.regions:
        click.echo("No region yet: make one at /staff/regions, or export one and import it.")
    for region in (*catalogue.regions.values(), *catalogue.former.values()):
        marks = {"taken out": region.slug in catalogue.former, "sample": region.sample}
        words = ", ".join(mark for mark, is_so in marks.items() if is_so) or "own"
        click.echo(f"{region.slug:8} {words:10} {region.issuer.legal_name}")


@regions.command()
@click.argument("folder", type=FOLDER)
@click.argument("slugs", nargs=-1)
@click.option("--own", is_flag=True, help="Leave out that they are samples: they become yours.")
def export(folder: Path, slugs: tuple[str, ...], *, own: bool) -> None:
    """Write regions into FOLDER, a file each; all of them, or those of SLUGS.

    \b
    Example:
      portal regions export ./regions
      portal regions export ./regions ca us --own
    """
    from portal.commands.installation import make_services
    from portal.regions.exchange import export_regions

    with make_services(load_settings()).database.read() as session:
        try:
            paths = export_regions(session, folder, slugs, as_own=own)
        except LookupError as error:
            raise click.ClickException(f"There is no region {error}.") from None
        except FileExistsError as error:
            raise click.ClickException(f"{error.filename} is there already.") from None
    for path in paths:
        click.echo(str(path))


@regions.command()
@click.argument("folder", type=FOLDER)
def check(folder: Path) -> None:
    """Say what is wrong in the files of FOLDER, and what can't be offered here, and keep nothing.

    \b
    Example:
      portal regions check ./regions
    """
    from portal.commands.doctor import LACKS
    from portal.commands.installation import make_providers
    from portal.regions.catalogue import Catalogue
    from portal.regions.files import parse_region
    from portal.regions.queries import list_lacks, means_of

    files = _read(folder)
    found = [parse_region(file.document, name) for name, file in files.items()]
    settings = load_settings()
    means = means_of(settings, make_providers(settings))
    catalogue = Catalogue(regions={region.slug: region for region in found}, version=0)
    for lack, slug, mode in list_lacks(catalogue, means):
        click.echo(f"{slug}.toml: {mode} is not offered here: {LACKS[lack]}.")
    click.echo(f"{len(files)} files can be imported.")


@regions.command("import")
@click.argument("folder", type=FOLDER)
@click.option("--replace", is_flag=True, help="Also over what was changed since the export.")
def take_in(folder: Path, *, replace: bool) -> None:
    """Put the files of FOLDER in force, all of them or none; donors see them within seconds.

    A file of a region that was changed since its export is refused: export again and merge, or
    say --replace.

    \b
    Example:
      portal regions import ./regions
    """
    from portal.commands.installation import make_services
    from portal.regions.branding import NotAPicture
    from portal.regions.exchange import PICTURES, Conflict, import_pictures, import_region

    files = _read(folder)
    try:
        with make_services(load_settings()).write() as act:
            taken = {name: import_region(act, one, replace=replace) for name, one in files.items()}
            lacking = [one for file in files.values() for one in import_pictures(act, folder, file)]
    except NotAPicture as error:
        raise click.ClickException(f"A picture in {folder / PICTURES} is {error}.") from None
    except Conflict as error:
        raise click.ClickException(
            f"The region {error} was changed since {error}.toml was exported; nothing was"
            " imported. Export it to another folder and compare, or say --replace."
        ) from None
    for name, what in taken.items():
        click.echo(f"{name}: {what.value}")
    for name in lacking:
        click.echo(f"The picture {name} is not in {folder / PICTURES}: it is not shown.")


def _read(folder: Path) -> dict[str, RegionFile]:
    try:
        return read_region_files(folder)
    except RegionError as error:
        raise click.ClickException(str(error)) from None
