"""Which keys of properties name secrets, however they are written.

A key is split into words: at punctuation, at changes of case, and between letters and digits. What it names is told by
its words, by words that stand beside each other, and by its last word, since that says what the thing is: an access
token is a token, and a token count is a count.
"""

import functools
import itertools
import unicodedata
from collections.abc import Iterator, Sequence

REDACTED = "[redacted]"


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Wherever they stand, unless the last word says that it is only about one.
WORDS = _split(
    """
    password passwords passwd passphrase passcode pwd secret secrets credential credentials creds authorization
    bearer apikey csrf xsrf cvv cvc ssn iban kubeconfig phpsessid jsessionid passwort kennwort contraseña
    contrasena senha wachtwoord motdepasse пароль 密码 密碼 パスワード
    """
)
# Where it is the last word.
LAST_WORDS = _split("token jwt auth oauth cookie cookies otp totp pass pw dsn")
# Alone.
NAMES = frozenset(("pan", "pin"))
# Words beside each other, wherever they stand.
PAIRS = frozenset(
    tuple(pair.split("+"))
    for pair in _split(
        """
    access+key account+key activation+key api+key app+key application+key auth+key client+key consumer+key
    db+key database+key deploy+key encryption+key gpg+key hmac+key license+key master+key personal+key pgp+key
    priv+key private+key recovery+key rsa+key service+key session+key shared+key signing+key ssh+key storage+key
    subscription+key wallet+key access+code auth+code backup+code fa+code mfa+code otp+code pin+code
    recovery+code security+code sort+code verification+code account+number bank+account card+no card+number
    cc+number credit+card debit+card routing+number atm+pin card+pin user+pin card+pan social+security tax+id
    passport+number passport+no driver+license drivers+license security+answer seed+phrase recovery+phrase
    mnemonic+phrase connection+string conn+string database+url db+url database+uri db+uri magic+link connect+sid
    set+cookie
        """
    )
)
# As the last word: a number, a flag, or a word about a secret and not the secret itself.
ABOUT = _split(
    """
    count counts total sum length len size bytes chars limit max min budget quota usage used remaining left cost
    price rate ratio percent score strength entropy type kind class category status state version algorithm alg
    format encoding method mode scheme strategy policy policies rule rules provider issuer vendor source origin
    name label title description id ids uuid arn ref index idx position at on date time timestamp ts ttl age
    days hours minutes seconds ms expiry expires expiration expired valid validity validated verified enabled
    disabled required present exists set changed updated created rotated rotation issued reset resets attempts
    attempt retries failures failure failed errors error reason result success event events action flow page
    screen form field button path file filename dir url uri endpoint host domain region country brand network
    last four masked fingerprint user username owner email scope scopes audience consent banner preferences
    preference manager store vault
    """
)
# As the first word: a number or a flag.
FLAGS = _split("has is was needs requires num max min total avg average mean median missing invalid expired")
# As the last words, they change nothing: a token value is a token.
_TRANSPARENT = _split(
    """
    value string str text raw plain plaintext hash hashed digest encrypted enc base b hex header json pem param
    parameter env var prod production dev staging test live old new current previous prev confirm confirmation
    again repeat secure
    """
)
# Tokens of texts and of pages are none that open anything.
_HARMLESS_TOKENS = _split(
    """
    first last per output input prompt completion next page continuation cursor stop eos bos pad special
    generated reasoning cached each every
    """
)
# Within a word that is written together with others.
_PARTS = ("password", "passwd", "passphrase", *("".join(pair) for pair in sorted(PAIRS) if pair[1] == "key"))
_ENDS = ("secret", "secretkey", "pwd", "credentials")
_LAST_ENDS = ("token", "cookie", "dbpass", "sshpass", "userpass")
_WHOLE = frozenset(("passwordless",))


class SecretKeys:
    """Tells which keys name secrets: those that do everywhere, and those that an organization has named."""

    def __init__(self, own: Sequence[str] = ()) -> None:
        self._own = [words for name in own if (words := tuple(_words(name)))]
        # Keys come again and again; those that a sender makes up must not take more memory than this.
        self.named = functools.lru_cache(maxsize=2048)(self._named)

    def _named(self, key: str) -> bool:
        words = list(_words(key))
        if any(tuple(words[start : start + len(own)]) == own for own in self._own for start in range(len(words))):
            return True
        while len(words) > 1 and words[-1] in _TRANSPARENT:
            words.pop()
        return bool(words) and _is_secret(words)


@functools.lru_cache(maxsize=1024)
def secret_keys(own: tuple[str, ...]) -> SecretKeys:
    """What tells the secrets of an organization that has named these keys."""
    return SecretKeys(own)


def _is_secret(words: list[str]) -> bool:
    if tuple(words[-2:]) in PAIRS or (len(words) == 1 and words[0] in NAMES):
        return True
    if words[-1] in ABOUT or words[0] in FLAGS:
        return False
    if any(_is_secret_word(word) for word in words) or any(pair in PAIRS for pair in itertools.pairwise(words)):
        return True
    if any(first + second in WORDS for first, second in itertools.pairwise(words)):
        return True
    return _is_secret_last(words[-1]) and not (words[-1] == "token" and _HARMLESS_TOKENS.intersection(words[-2:-1]))


def _is_secret_word(word: str) -> bool:
    if word in WORDS:
        return True
    return word not in _WHOLE and (word.endswith(_ENDS) or any(part in word for part in _PARTS))


def _is_secret_last(word: str) -> bool:
    return word in LAST_WORDS or word.endswith(_LAST_ENDS)


def _words(key: str) -> Iterator[str]:
    """The words of a key, in small letters, without numbers."""
    word, before = "", " "
    text = unicodedata.normalize("NFKC", key)
    for character, after in itertools.zip_longest(text, text[1:], fillvalue=" "):
        begins = character.isupper() and (not before.isupper() or after.islower())
        if word and (begins or not character.isalpha()):
            yield word.casefold()
            word = ""
        if character.isalpha():
            word += character
        before = character
    if word:
        yield word.casefold()
