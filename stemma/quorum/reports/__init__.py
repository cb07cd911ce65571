"""Reports on what the quorum judged: one model (`model`), made from the tables (`build`), kept (`stored`), followed
over time (`trends`), and written as JSON, Markdown, HTML, CSV or SARIF (`forms`). How it is judged lives above this.
"""
