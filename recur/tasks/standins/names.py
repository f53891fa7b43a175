"""Surnames made up of the syllables that six languages like."""

import numpy as np

# Where a name begins, goes on and ends.
SYLLABLES = {
    "Dutch": ("Van der ,De ,Jan,Hen,Ver", "drik,me,wou,ter,ko", "sen,beek,huis,veld"),
    "Greek": ("Papa,Kara,Dimi,Theo,Niko", "do,tri,gio,sta,la", "poulos,idis,akis,ou"),
    "Italian": ("Ro,Bian,Ric,Fer,Mo,Gal", "ca,ra,li,ve,ni", "ssi,chi,ni,etti,ello"),
    "Japanese": ("Ta,Ki,Mori,Yama,Na,Sa", "ka,mu,shi,no,ta", "moto,mura,shita,da,ki"),
    "Polish": ("Kow,Wis,Zie,Szy,Krzy,Nowa", "al,nie,ma,ko,liń", "ski,wicz,czyk,ak"),
    "Russian": ("Iva,Pe,Vasi,Mi,Bogd,Kuz", "no,tro,li,kha,ane", "v,vich,ev,sky,in"),
}


def make_names(count: int = 2000, *, seed: int = 0) -> list[tuple[str, str]]:
    """Makes pairs of a surname and its language.

    Example:
      >>> len(make_names(12)), make_names(3) == make_names(3)
      (12, True)
    """
    rng, languages = np.random.default_rng(seed), sorted(SYLLABLES)

    def one(language: str) -> str:
        first, middle, last = (part.split(",") for part in SYLLABLES[language])
        inner = [rng.choice(middle) for _ in range(rng.integers(0, 3))]
        return "".join([rng.choice(first), *inner, rng.choice(last)])

    chosen = [languages[n] for n in rng.integers(0, len(languages), count)]
    return [(one(language), language) for language in chosen]


__all__ = ["make_names"]
