{# Rows where one of the columns is known and outside [low, high]; an unknown value is no failure. #}
{% test within(model, columns, low, high) %}

    select {{ columns | join(', ') }}
    from {{ model }}
    where {% for column in columns %}{{ column }} < {{ low }} or {{ column }} > {{ high }}{{ ' or ' if not loop.last }}{% endfor %}

{% endtest %}
