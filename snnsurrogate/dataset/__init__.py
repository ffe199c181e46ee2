"""Datasets on disk: files, stores, splits, grids."""

from snnsurrogate.dataset.files import check as check
from snnsurrogate.dataset.files import open as open
from snnsurrogate.dataset.files import save as save
from snnsurrogate.dataset.files import shipped as shipped
from snnsurrogate.dataset.grid import to_grid as to_grid
from snnsurrogate.dataset.recordings import recording as recording
from snnsurrogate.dataset.splits import split as split
from snnsurrogate.dataset.store import DatasetError as DatasetError
from snnsurrogate.dataset.store import StoreMismatch as StoreMismatch
