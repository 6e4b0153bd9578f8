"""--mode=corrupt: writes clips with noise and blur, as MER-NOISE has them."""

from __future__ import annotations

from mer_jax.errors import InputError, counted
from mer_jax.modes import flags
from mer_jax.modes.record import Arguments, Mode


def _run(arguments: Arguments) -> None:
    from mer_jax import lock
    from mer_jax.extraction import clips, corruption, noisy_media

    recipe = corruption.recipe_of(*(arguments[flag.name] for flag in flags.CORRUPTION))
    media, listed, out = arguments["media"], arguments["clips"], arguments["out"]
    if out.resolve() == media.resolve():
        raise InputError("--out is the folder of --media, whose clips would be replaced")
    wanted = clips.of_folder(media) if listed is None else clips.read(listed, media)
    with lock.held(out, *flags.WRITING):
        failed = noisy_media.run(
            recipe, wanted, out, workers=arguments["workers"], count=arguments.display().count
        )
    print(noisy_media.summary(failed, wanted, out))
    if failed:
        first = min(failed)
        raise InputError(
            f"{counted(len(failed), 'clip')} failed, which {out / 'failures.csv'} lists; the "
            f"first: {first}: {failed[first]}"
        )


MODE = Mode(
    name="corrupt",
    help="Writes clips with speech noise and blur, as MER-NOISE has them.",
    run=_run,
    example="--mode=corrupt --media=clips --noise=musan/speech --out=noisy",
    flags=(
        flags.MEDIA,
        flags.CLIPS,
        *flags.CORRUPTION,
        flags.WORKERS,
        flags.OUT_CLIPS,
    ),
    needs=(("media",), ("noise",), ("out",)),
)
