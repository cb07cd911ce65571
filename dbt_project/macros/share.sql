{# part / whole as a double, null where there is no whole to have a share of. #}
{% macro share(part, whole) -%}
    ({{ part }})::double precision / nullif({{ whole }}, 0)
{%- endmacro %}
