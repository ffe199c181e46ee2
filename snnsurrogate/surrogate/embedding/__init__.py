"""A state space from one scalar series: delay vectors, autoencoder, window and dimension."""

from snnsurrogate.surrogate.embedding.delays import Series as Series
from snnsurrogate.surrogate.embedding.delays import delay_vectors as delay_vectors
from snnsurrogate.surrogate.embedding.delays import even_step as even_step
from snnsurrogate.surrogate.embedding.delays import exponential_average as exponential_average
from snnsurrogate.surrogate.embedding.delays import lags as lags
from snnsurrogate.surrogate.embedding.delays import pieces_vectors as pieces_vectors
from snnsurrogate.surrogate.embedding.delays import series_of as series_of
from snnsurrogate.surrogate.embedding.neighbours import false_neighbours as false_neighbours
from snnsurrogate.surrogate.embedding.selection import select_dimension as select_dimension
from snnsurrogate.surrogate.embedding.vae import DelayVAE as DelayVAE
from snnsurrogate.surrogate.embedding.vae import Schedule as Schedule
from snnsurrogate.surrogate.embedding.vae import bound as bound
from snnsurrogate.surrogate.embedding.vae import settle as settle
from snnsurrogate.surrogate.embedding.vae import train as train
from snnsurrogate.surrogate.embedding.window import choose_averages as choose_averages
from snnsurrogate.surrogate.embedding.window import choose_window as choose_window
