"""Coppice from Python, by ctypes alone: `python3 coppice.py LIBRARY FOLDER` shows it.

Keys and values are bytes, with zeros too. A `Database` may be used by many threads; `with` closes it.
"""

import ctypes
import sys
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

NEVER, USUAL, PROCESS, DISK, BEFORE_IMAGES = 0, 0, 1, 2, 1


class Bytes(ctypes.Structure):
    _fields_ = [("data", c_char_p), ("length", c_size_t)]


class Range(ctypes.Structure):
    _fields_ = [(name, Bytes) for name in ("gt", "gte", "lt", "lte", "prefix")]


class Row(ctypes.Structure):
    _fields_ = [("key", c_void_p), ("key_length", c_size_t), ("value", c_void_p), ("value_length", c_size_t)] + [
        ("revision", c_uint64), ("deadline_ms", c_int64), ("create_revision", c_uint64), ("version", c_uint64)]


class CoppiceError(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Library:
    """The calls that are used here, with the types of coppice.h."""

    def __init__(self, path):
        library = ctypes.CDLL(path)
        data = [c_char_p, c_size_t]
        answer = [POINTER(c_void_p), POINTER(c_size_t)]
        calls = {
            "open": [c_char_p, POINTER(c_char_p), POINTER(c_void_p)],
            "close": [c_void_p],
            "put": [c_void_p, *data, *data, c_int64, POINTER(c_uint64)],
            "get": [c_void_p, c_void_p, *data, *answer],
            "delete": [c_void_p, *data, POINTER(c_uint64)],
            "delete_range": [c_void_p, POINTER(Range), POINTER(c_uint64)],
            "iterator_new": [c_void_p, c_void_p, POINTER(Range), c_uint32, POINTER(c_void_p)],
            "iterator_next": [c_void_p, POINTER(Row)],
            "iterator_prev": [c_void_p, POINTER(Row)],
            "transaction_begin": [c_void_p, c_uint32, POINTER(c_void_p)],
            "transaction_get": [c_void_p, *data, *answer],
            "transaction_put": [c_void_p, *data, *data, c_int64],
            "transaction_delete": [c_void_p, *data],
            "transaction_commit": [c_void_p, c_int32, POINTER(c_uint64)],
            "stats": [c_void_p, *answer],
        }
        self.free = self._typed(library.coppice_free, [c_void_p], None)
        self.iterator_free = self._typed(library.coppice_iterator_free, [c_void_p], None)
        self.transaction_free = self._typed(library.coppice_transaction_free, [c_void_p], None)
        self.deadline = self._typed(library.coppice_deadline, [c_void_p, c_uint64], c_int64)
        self.code_name = self._typed(library.coppice_code_name, [c_int32], c_char_p)
        self.message = self._typed(library.coppice_error_message, [], c_char_p)
        for name, types in calls.items():
            setattr(self, name, self._checked(self._typed(getattr(library, f"coppice_{name}"), types, c_int32)))

    @staticmethod
    def _typed(call, types, answer):
        call.argtypes, call.restype = types, answer
        return call

    def _checked(self, call):
        def checked(*arguments):
            code = call(*arguments)
            if code != 0:
                raise CoppiceError(self.code_name(code).decode(), self.message().decode())
        return checked

    def value(self, get, *arguments):
        """What a call answers with a value that is the caller's own; None where there is none."""
        place, length = c_void_p(), c_size_t()
        get(*arguments, byref(place), byref(length))
        if place.value is None:
            return None
        try:
            return ctypes.string_at(place.value, length.value)
        finally:
            self.free(place)


class Database:
    def __init__(self, library, path, **options):
        """Options as in docs/c.md: `Database(library, "data", durability="process")`."""
        self._library, self._db = library, c_void_p()
        pairs = [text.encode() for pair in options.items() for text in pair]
        library.open(path.encode(), (c_char_p * (len(pairs) + 1))(*pairs, None), byref(self._db))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        db, self._db = self._db, c_void_p()
        if db:
            self._library.close(db)

    def get(self, key):
        return self._library.value(self._library.get, self._db, None, key, len(key))

    def put(self, key, value, ttl_ms=None):
        deadline = NEVER if ttl_ms is None else self._library.deadline(self._db, ttl_ms)
        self._library.put(self._db, key, len(key), value, len(value), deadline, None)

    def delete(self, key):
        self._library.delete(self._db, key, len(key), None)

    def delete_range(self, **bounds):
        self._library.delete_range(self._db, byref(bounded(bounds)), None)

    def rows(self, reverse=False, **bounds):
        """Keys and values in order: `rows(prefix=b"user/")`, `rows(gte=b"a", lt=b"b", reverse=True)`."""
        iterator, row = c_void_p(), Row()
        self._library.iterator_new(self._db, None, byref(bounded(bounds)), 0, byref(iterator))
        move = self._library.iterator_prev if reverse else self._library.iterator_next
        try:
            while move(iterator, byref(row)) or row.key is not None:
                yield ctypes.string_at(row.key, row.key_length), ctypes.string_at(row.value, row.value_length)
        finally:
            self._library.iterator_free(iterator)

    @contextmanager
    def transaction(self):
        """Commits at the end of `with`, unless it ends with an exception; COPPICE_CONFLICT if others have changed what it read."""
        transaction = c_void_p()
        self._library.transaction_begin(self._db, 0, byref(transaction))
        try:
            yield Transaction(self._library, transaction)
            self._library.transaction_commit(transaction, USUAL, None)
        finally:
            self._library.transaction_free(transaction)

    def stats(self):
        return self._library.value(self._library.stats, self._db).decode()


class Transaction:
    def __init__(self, library, transaction):
        self._library, self._transaction = library, transaction

    def get(self, key):
        return self._library.value(self._library.transaction_get, self._transaction, key, len(key))

    def put(self, key, value):
        self._library.transaction_put(self._transaction, key, len(key), value, len(value), NEVER)

    def delete(self, key):
        self._library.transaction_delete(self._transaction, key, len(key))


def bounded(bounds):
    return Range(**{name: Bytes(key, len(key)) for name, key in bounds.items()})


def main(library, folder):
    with Database(Library(library), folder, durability="process") as db:
        db.put(b"\x00key\x00", b"zeros\x00are bytes")
        print(db.get(b"\x00key\x00"), db.get(b"\x00key"), db.get(b"absent"))
        for at in range(3):
            db.put(b"job/%d" % at, b"to do", ttl_ms=60_000)
        db.delete(b"job/1")
        print(list(db.rows(prefix=b"job/", reverse=True)))

        with db.transaction() as transaction:
            transaction.put(b"visits", b"%d" % (int(transaction.get(b"visits") or 0) + 1))
        try:
            with db.transaction() as transaction:
                visits = int(transaction.get(b"visits"))
                db.put(b"visits", b"100")
                transaction.put(b"visits", b"%d" % (visits + 1))
        except CoppiceError as error:
            print(error.code)
        print(db.get(b"visits"))

        db.delete_range(prefix=b"job/")
        print(len(list(db.rows())))
        try:
            Database(Library(library), folder)
        except CoppiceError as error:
            print(error.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
