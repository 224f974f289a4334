"""One-time codes in subject lines, and how they are masked.

Capillary's codes are numeric or alphanumeric, and 50 characters long at most. Every run of digits
may be one, so years and prices are masked, too. A code of letters alone is not recognised.
"""

import re
from typing import Final

# Decimal digits of any script, and those of superscripts, circles and brackets.
_DIGITS: Final = (
    r"\d\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490"
    r"\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U0001f100-\U0001f10a"
)
# Hyphens, dots and blanks of any width, and what makes a digit a key of a telephone: as texts set
# a code apart, "482-913", "12 34 56".
_BETWEEN: Final = (
    r"-\s._\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2022\u2060\u20e3\u2212\ufe0f\ufe58\ufe63\ufeff"
    r"\uff0d"
)
_DIGIT: Final = re.compile(f"[{_DIGITS}]")
_RUN: Final = re.compile(rf"[{_DIGITS}](?:[{_BETWEEN}]{{0,3}}[{_DIGITS}]){{2,}}")

# Scripts that put no blanks between words: a code ends where they begin.
_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
# As texts set groups of such a code apart, "A7K-92Q", "A7.K9.2Q"; blanks are between words, too.
_JOINERS: Final = r"-._\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2060\u2212\ufeff"
# A text, which `re` compiles and keeps when it is used: that takes 3 ms of an import.
_TOKEN: Final = rf"[^\W_{_UNSPACED}]+(?:[{_JOINERS}][^\W_{_UNSPACED}]+)*"
_LETTER: Final = re.compile(r"[^\W\d_]")
_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_MIN_CODE: Final = 3

_ACCENTS: Final = re.compile(r"[\u0300-\u036f]+")
_WORD: Final = re.compile(r"[^\W\d_]+")
# In a subject with one of these, letters mixed with digits may be a code. In lower case; in the
# languages of the countries that Capillary's clusters serve, and of their neighbours.
_WORDS: Final = """
    otp otps pin pins tpin mpin vpin tan mtan totp mfa cvv token tokens
    code codes passcode passcodes password passwords
    passwort kennwort einmalcode freischaltcode wachtwoord engangskode
    código códigos codigo codigos clave contraseña senha codice codici codul cod
    kode kod kodu kodun kodunuz kodi kód koodi sandi mã şifre şifreniz parola hasło heslo jelszó
    код коды пароль пин κωδικός κωδικοσ رمز الرمز كود קוד
"""
_ANNOUNCING: Final = frozenset(_WORDS.split())
_STEMS: Final = ("verif", "vérif", "authent", "autent", "подтвержд", "doğrula", "bestätig")
# "Sicherheitscode", "säkerhetskod"; but no barcode.
_ENDINGS: Final = ("scode", "skod", "skode", "spasswort")
_PHRASES: Final = (
    *("one time", "one-time", "one\u2011time", "2fa", "mot de passe", "mật khẩu"),
    # Scripts without blanks between words, or with vowels that Python counts for no letters.
    *("验证码", "驗證碼", "校验码", "动态码", "確認碼", "密码", "密碼"),
    *("コード", "番号", "パスワード", "인증", "코드", "비밀번호", "รหัส", "ओटीपी", "कोड", "पिन"),
)


def mask_codes(text: str) -> str:
    """A subject line without the one-time code it may hold.

    These are runs of three digits and more, also in groups, and beside a word such as code or OTP
    what mixes letters with digits. It takes time in proportion to the text's length.

    >>> mask_codes("482913 is your code"), mask_codes("482-913"), mask_codes("OTP: A7K-92Q")
    ('****** is your code', '***-***', 'OTP: ***-***')
    """
    if not _DIGIT.search(text):
        return text
    if _announces_code(text):
        text = re.sub(_TOKEN, _without_code, text)
    return _RUN.sub(lambda run: _DIGIT.sub("*", run[0]), text)


def _announces_code(text: str) -> bool:
    text = _ACCENTS.sub("", text.casefold())
    return any(phrase in text for phrase in _PHRASES) or any(
        word in _ANNOUNCING or word.startswith(_STEMS) or word.endswith(_ENDINGS)
        for word in _WORD.findall(text)
    )


def _without_code(token: re.Match[str]) -> str:
    """The token with stars for its letters and digits, if it may be a code."""
    text = token[0]
    mixed = len(text) >= _MIN_CODE and _DIGIT.search(text) and _LETTER.search(text)
    return _LETTER_OR_DIGIT.sub("*", text) if mixed else text
