"""What so many hours of video a month need: measured costs, a replayed queue, a page."""
