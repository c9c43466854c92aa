"""Target weights -> conductances actually written, by closed loop; and what time does to them."""
